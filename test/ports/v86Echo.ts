// A program: v86 with its own card on a relay (the first argument), and a driver that sends back each frame it gets.
import process from 'node:process';
import { WebSocket } from 'ws';

import { NetDriver, openTransport, until } from '../../src/driver/index.js';
import { v86Own } from '../../src/lab/targets/v86.node.js';

const [relayUrl] = process.argv.slice(2);
// v86 takes what a browser has.
Object.assign(globalThis, { WebSocket });
const target = await v86Own({ relayUrl });
const driver = await NetDriver.start(await openTransport(target.machine));
const mac = driver.config.mac ?? [];

/** An Ethernet header with a type that nobody uses (IEEE 802, local experimental). */
const header = (to: Iterable<number>): number[] => [...to, ...mac, 0x88, 0xb5];

// The first frame makes v86 connect to its relay.
await driver.send(0, [Uint8Array.from([...header([255, 255, 255, 255, 255, 255]), ...new Array<number>(46).fill(7)])]);
process.stdout.write(`${mac.join(' ')}\n`);
for (;;) {
  const check = async () => {
    const received = await driver.receive();
    return received.length > 0 ? received : undefined;
  };
  const packets = await until(target.machine, 'frames', check, Infinity);
  for (const { frame } of packets) {
    await driver.send(0, [Uint8Array.from([...header(frame.subarray(6, 12)), ...frame.subarray(14)])]);
    await driver.sent(0);
  }
}
