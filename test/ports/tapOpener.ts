// Opens a tap and tells what came of it: run as a user without rights.
import { openTap } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/clock.js';

try {
  await (await openTap({ clock: systemClock, name: 'vmq-nobody' })).close();
  console.log('opened');
} catch (error) {
  console.log(String(error));
}
