// A process with one card on a switch, whose other port is a VXLAN tunnel. What it is told to send it sends with the
// driver; what its driver receives it tells.
import process from 'node:process';
import { NetDriver, openModern } from '../../src/driver/index.js';
import { connect, Switch } from '../../src/fabric/index.js';
import { openVxlan } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/clock.js';
import { inProcess } from '../../src/lab/targets/inProcess.js';

const [local, peer, port, mac] = process.argv.slice(2);
const clock = systemClock;
const target = inProcess({ mac, queuePairs: 2 });
const fabric = new Switch({ clock });
const vxlan = await openVxlan({ clock, vni: 7, local, peers: [peer], port: Number(port) });
connect(fabric.addPort('vxlan'), vxlan);
connect(fabric.addPort('card'), target.device);
const driver = await NetDriver.start(await openModern(target.machine));

async function look(): Promise<void> {
  for (const { frame } of await driver.receive()) process.send!({ received: Buffer.from(frame).toString('hex') });
}

let work = Promise.resolve();
const timer = setInterval(() => void (work = work.then(look)), 2);
process.on('message', (message: { send?: string[]; end?: true }) => {
  const { send = [], end } = message;
  work = work.then(async () => {
    for (const [i, frame] of send.entries()) {
      await driver.send(i % 2, [Uint8Array.from(Buffer.from(frame, 'hex'))]);
      await driver.sent(i % 2);
    }
    if (!end) return;
    clearInterval(timer);
    process.send!({ counters: vxlan.counters() });
    fabric.close();
    await vxlan.close();
    process.disconnect();
  });
});
process.send!({ ready: true });
