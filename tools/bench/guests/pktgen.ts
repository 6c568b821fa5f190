import type { Sample } from '../results.js';
import type { Suite } from '../suite.js';
import { output, type Link } from './machine.js';
import { peersNamed } from './peers.js';
import { measureRounds, type Measure } from './rounds.js';
import { placesOf } from './tables.js';

const name = 'pktgen';
const ours = ['virtio-mq', 'virtio-mq-workers'];
const axes = { queues: [1, 2, 3, 4] };

/** The kernel's packet generator in one guest, and what comes to the other. */
export const pktgen: Suite = {
  name,
  help: "the kernel's packet generator: packets of 60 bytes sent and received, with 1 to 4 queues",
  peers: ours,
  measures: [name],
  seconds: 2,
  run: (context) => {
    const measures = placesOf(axes, context.quick).map((at): Measure => ({
      name,
      at,
      take: (link, seconds) => take(link, at.queues, seconds),
    }));
    const warmUp = async (link: Link, seconds: number): Promise<void> => {
      await generate(link, axes.queues.length, seconds);
    };
    return measureRounds(context, { peers: peersNamed(ours), measures, ours, warmUp });
  },
};

async function take(link: Link, queues: number, seconds: number): Promise<Sample[]> {
  const { sent, received } = await generate(link, queues, seconds);
  return [
    { measure: `${name}-tx`, unit: 'kpps', value: sent / 1000 },
    { measure: `${name}-rx`, unit: 'kpps', value: received / 1000 },
  ];
}

export interface Generated {
  /** Packets a second. */
  readonly sent: number;
  readonly received: number;
}

/** What was on its way when the generator stopped has come when nothing comes for this long, in seconds. */
const settling = 0.3;

/** The generator goes on for so much longer than the receiver counts, in seconds: what comes later counts for nothing. */
const margin = 3;

/** Sends packets of 60 bytes, from queue to queue, as fast as it goes. */
export async function generate({ interfaces }: Link, queues: number, seconds: number): Promise<Generated> {
  const [{ machine: sender, name: device }, receiver] = interfaces;
  const mac = (await output(receiver.machine, `cat /sys/class/net/${receiver.name}/address`)).trim();
  const whole = seconds + margin;
  const options = { timeoutMs: (whole + 60) * 1000 };
  let over = false;
  const [generated, counted] = await Promise.all([
    output(sender, command(device, mac, queues, whole), options).finally(() => (over = true)),
    output(receiver.machine, count(receiver.name, seconds), options).finally(() => {
      if (over) throw new Error(`pktgen ended before the receiver had counted for ${seconds} s`);
    }),
  ]);
  await output(receiver.machine, settle(receiver.name));
  return { sent: readPktgen(generated), received: readArrivals(counted) };
}

/** The address is nobody's, so that the receiver's kernel looks at each packet and drops it without an answer. */
function command(device: string, mac: string, queues: number, seconds: number): string {
  const settings = [
    ...['count 0', 'delay 0', 'clone_skb 0', 'pkt_size 60'],
    ...['dst 10.0.0.99', `dst_mac ${mac}`, 'udp_src_min 1000', 'udp_src_max 1063', 'udp_dst_min 9', 'udp_dst_max 9'],
    ...['queue_map_min 0', `queue_map_max ${queues - 1}`],
  ];
  return `cd /proc/net 2>/dev/null && modprobe pktgen && cd pktgen || exit
    echo rem_device_all >kpktgend_0 && echo add_device ${device} >kpktgend_0 || exit
    ${settings.map((setting) => `echo ${setting} >${device} || exit`).join('\n')}
    timeout -s INT ${seconds} sh -c 'echo start >pgctrl'
    cat ${device}
    cd /`;
}

/** From when something comes, for so many seconds: packets received and the guest's own time, before and after. */
function count(device: string, seconds: number): string {
  return `file=/sys/class/net/${device}/statistics/rx_packets
    before=$(cat $file); until [ $before != $(cat $file) ]; do sleep 0.1; done
    cat $file /proc/uptime; sleep ${seconds}; cat $file /proc/uptime`;
}

/** Packets a second of two counts, each with the guest's uptime. */
export function readArrivals(text: string): number {
  const [before, from, , after, to] = text.trim().split(/\s+/).map(Number);
  return (after - before) / (to - from);
}

/** Waits until an interface receives nothing more. */
function settle(device: string): string {
  return `file=/sys/class/net/${device}/statistics/rx_packets
    until before=$(cat $file); sleep ${settling}; [ $before = $(cat $file) ]; do :; done`;
}

/** Packets a second: the last result in a device's file of pktgen. */
export function readPktgen(text: string): number {
  const [, sent] = /^Result: OK: .* usec, (\d+) \(/m.exec(text) ?? [];
  const [, perSecond] = /^ *(\d+)pps /m.exec(text) ?? [];
  if (sent === undefined || perSecond === undefined || Number(sent) === 0) throw new Error(`pktgen failed:\n${text}`);
  return Number(perSecond);
}
