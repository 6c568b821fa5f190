import { everythingBut, localPair, NetDriver, openModern, type LocalPair } from '../../../src/driver/index.js';
import { Switch } from '../../../src/fabric/index.js';
import { localMachine } from '../../../src/lab/targets/immediate.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { connect } from '../../../src/net/index.js';
import { systemClock } from '../../../src/hosts/v86/clock.js';
import { placeText } from '../report.js';
import { Results } from '../results.js';
import { median } from '../statistics.js';
import type { Suite, SuiteContext, SuiteResult } from '../suite.js';
import { udpFrame } from './frames.js';

const counts = [2, 8, 32, 128] as const;
const frameBytes = 64;
const burst = 32;
const guestBytes = 1 << 20;
const sourceAt = 11;
const warmUpSeconds = 0.5;
const slices = 5;

/** A card on the switch, and where its frames to the others stand. */
interface Station {
  readonly pair: LocalPair;
  readonly bytes: Uint8Array;
  readonly frame: number;
}

/** To whom a station sends: to the next one, so that all have as much to do, or all to the first. */
const patterns = [
  { name: 'switch-ring', to: (from: number, count: number) => (from + 1) % count },
  { name: 'switch-fan-in', to: (from: number) => (from === 0 ? undefined : 0) },
] as const;
type Pattern = (typeof patterns)[number];

export const switching: Suite = {
  name: 'switch',
  help: 'many cards on one switch in one thread: frames a second, and how even senders to one receiver fare',
  peers: ['virtio-mq'],
  measures: patterns.flatMap(({ name }) => [name, `${name}-fairness`]),
  seconds: 1,
  run: measure,
};

async function measure({ runs, seconds, chosen, progress }: SuiteContext): Promise<SuiteResult> {
  const results = new Results();
  for (const devices of counts) {
    for (const pattern of chosen(patterns)) {
      const network = await Network.start(devices, pattern);
      network.carry(warmUpSeconds);
      for (let run = 1; run <= runs; run++) {
        const rates = Array.from({ length: slices }, () => network.carry(seconds / slices));
        const at = { devices };
        const { name } = pattern;
        results.add('virtio-mq', { measure: name, unit: 'Mframes/s', at, value: median(rates) });
        const fairness = network.takeFairness();
        results.add('virtio-mq', { measure: `${name}-fairness`, unit: 'least ÷ most', at, value: fairness });
        const rate = median(rates).toFixed(3);
        progress(`run ${run} of ${runs}: ${name}${placeText(at)}: ${rate} Mframes/s, fairness ${fairness.toFixed(3)}`);
      }
      network.close();
    }
  }
  return { measures: results.measures() };
}

class Network {
  private readonly stations: readonly Station[];
  private readonly senders: readonly Station[];
  private readonly fabric: Switch;
  /** Frames received, by sender. */
  private readonly received: Float64Array;

  private constructor(stations: readonly Station[], senders: readonly Station[], fabric: Switch) {
    this.stations = stations;
    this.senders = senders;
    this.fabric = fabric;
    this.received = new Float64Array(stations.length);
  }

  static async start(count: number, { to }: Pattern): Promise<Network> {
    const fabric = new Switch({ clock: systemClock });
    const stations: Station[] = [];
    for (let i = 0; i < count; i++) stations.push(await startStation(fabric, `card ${i}`));
    const targets = stations.map((_, from) => to(from, count));
    const network = new Network(
      stations,
      stations.filter((_, from) => targets[from] !== undefined),
      fabric,
    );
    // The switch learns where everybody is from a frame to nobody in particular.
    for (const [from, { bytes, frame, pair }] of stations.entries()) {
      bytes.set(udpFrame(frameBytes, from, 255), frame);
      pair.transmitter.send(frame, frameBytes);
      pair.transmitter.flush();
      pair.transmitter.reclaim();
      for (const station of stations) network.drain(station);
      bytes.set(udpFrame(frameBytes, from, targets[from] ?? 255), frame);
    }
    network.received.fill(0);
    return network;
  }

  /** Carries frames for some seconds; answers million frames a second that were received. */
  carry(seconds: number): number {
    const start = performance.now();
    let frames = 0;
    let now = start;
    while (now < start + 1000 * seconds) {
      frames += this.round();
      now = performance.now();
    }
    return frames / (now - start) / 1000;
  }

  /** The least that came of a sender, as a part of the most, since the last time. */
  takeFairness(): number {
    const received = this.senders.map((station) => this.received[this.stations.indexOf(station)]);
    this.received.fill(0);
    return Math.min(...received) / Math.max(...received);
  }

  close(): void {
    this.fabric.close();
  }

  /** Everybody sends as much as there is room for, a burst at most; then everybody receives. */
  private round(): number {
    for (const { pair, frame } of this.senders) {
      const { transmitter } = pair;
      let i = 0;
      while (i < burst && transmitter.send(frame, frameBytes)) i++;
      transmitter.flush();
      transmitter.reclaim();
    }
    let frames = 0;
    for (const station of this.stations) frames += this.drain(station);
    return frames;
  }

  private drain({ pair: { receiver }, bytes }: Station): number {
    let count = 0;
    while (receiver.next() >= 0) {
      this.received[bytes[receiver.parts[0] + sourceAt]]++;
      count++;
    }
    if (count > 0) receiver.fill();
    return count;
  }
}

async function startStation(fabric: Switch, name: string): Promise<Station> {
  const target = inProcess({ queuePairs: 1, memory: guestBytes });
  connect(target.device, fabric.addPort(name));
  const transport = await openModern(target.machine);
  const accept = everythingBut('VIRTIO_F_IN_ORDER', 'VIRTIO_F_RING_PACKED', 'VIRTIO_NET_F_HASH_REPORT');
  const driver = await NetDriver.start(transport, { accept, queueSize: 256, receive: { buffers: 0 } });
  const machine = localMachine(target.hardware);
  const pair = await localPair(driver, 0, machine, { bufferBytes: 128 });
  pair.receiver.ring.wantInterrupts('never');
  pair.transmitter.ring.wantInterrupts('never');
  const frame = (await transport.memory.allocate(256, 64)) + 64;
  return { pair, bytes: machine.memory.bytes, frame };
}
