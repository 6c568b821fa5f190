import { describe, expect, it } from 'vitest';
import { arpFrame, gatewayIp, gatewayMac, Station, udpFrame, everybody } from './station.js';

const nobody = [0, 0, 0, 0];
const all = [255, 255, 255, 255];
const server = [10, 0, 0, 254];

/** A message of a client (RFC 2131, 2). */
function message(
  kind: number,
  options: number[] = [],
  { mac = 9, address = nobody, broadcast = false } = {},
): number[] {
  const bytes = new Array<number>(236).fill(0);
  bytes.splice(0, 8, 1, 1, 6, 0, 1, 2, 3, 4);
  bytes[10] = broadcast ? 0x80 : 0;
  bytes.splice(12, 4, ...address);
  bytes.splice(28, 6, 2, 0, 0, 0, 0, mac);
  return [...bytes, 99, 130, 83, 99, 53, 1, kind, ...options, 255];
}

const toAll = { from: nobody, to: all, mac: everybody };

interface Answer {
  readonly mac: number[];
  readonly to: number[];
  readonly address: number[];
  readonly options: Map<number, number[]>;
}

function say(station: Station, bytes: number[], options: object = toAll): Answer[] {
  return station.say(udpFrame(67, bytes, options, 68)).map((frame) => {
    const dhcp = frame.slice(42);
    const found = new Map<number, number[]>();
    for (let at = 240; dhcp[at] !== 255; at += 2 + dhcp[at + 1])
      found.set(dhcp[at], dhcp.slice(at + 2, at + 2 + dhcp[at + 1]));
    return { mac: frame.slice(0, 6), to: frame.slice(30, 34), address: dhcp.slice(16, 20), options: found };
  });
}

const kindOf = (answers: Answer[]): number | undefined => answers[0]?.options.get(53)?.[0];
const requested = (address: number[]): number[] => [50, 4, ...address];
const ofServer = [54, 4, ...server];
const letters = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));
const hostName = (name: string): number[] => [12, name.length, ...letters(name)];

/** The address of a name of one label, as the name server has it; undefined where it has none. */
function resolve(station: Station, name: string): number[] | undefined {
  // Who is not heard of for long is asked for its Ethernet address first.
  station.say(arpFrame(1, gatewayIp));
  const query = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.length, ...letters(name), 0, 0, 1, 0, 1];
  const [answer] = station.say(udpFrame(53, query)).map((frame) => frame.slice(42));
  return (answer[3] & 15) === 0 ? answer.slice(-4) : undefined;
}

const take = (station: Station, mac: number, options: number[] = []): number[] => {
  const [offer] = say(station, message(1, options, { mac }));
  say(station, message(3, [...requested(offer.address), ...ofServer, ...options], { mac }));
  return offer.address;
};

describe('DHCP', () => {
  it('offers an address with all that goes with it, and gives it', () => {
    const station = new Station({ leaseSeconds: 600 });
    const [offer] = say(station, message(1));
    expect(offer).toMatchObject({ mac: [2, 0, 0, 0, 0, 9], to: [10, 0, 0, 253], address: [10, 0, 0, 253] });
    expect(Object.fromEntries(offer.options)).toEqual({
      53: [2],
      54: server,
      51: [0, 0, 2, 88],
      58: [0, 0, 1, 44],
      59: [0, 0, 2, 13],
      1: [255, 255, 255, 0],
      28: [10, 0, 0, 255],
      3: server,
      6: server,
      15: letters('internal'),
      26: [5, 220],
    });
    const answers = say(station, message(3, [...requested([10, 0, 0, 253]), ...ofServer], { broadcast: true }));
    expect(answers[0]).toMatchObject({ mac: everybody, to: all, address: [10, 0, 0, 253] });
    expect(kindOf(answers)).toBe(5);
    expect(station.gateway.counters().dhcp).toMatchObject({ leases: 1, offers: 1, acknowledged: 1 });
  });

  it('gives a station that it knows its own address, and that to nobody else', () => {
    const station = new Station({ hosts: [{ address: '10.0.0.253', mac: '02:00:00:00:00:07' }] });
    expect(take(station, 7)).toEqual([10, 0, 0, 253]);
    expect(take(station, 8)).toEqual([10, 0, 0, 252]);
    expect(say(station, message(1, requested([10, 0, 0, 253]), { mac: 6 }))[0].address).toEqual([10, 0, 0, 251]);
  });

  it('renews a lease, lets a client ask again for it, and refuses another', () => {
    const station = new Station({ leaseSeconds: 60 });
    const address = take(station, 9);
    station.clock.advance(40_000);
    const own = { from: address, mac: gatewayMac };
    expect(kindOf(say(station, message(3, [], { address }), own))).toBe(5);
    station.clock.advance(40_000);
    expect(station.gateway.counters().dhcp.leases).toBe(1);
    expect(kindOf(say(station, message(3, requested(address))))).toBe(5);
    const refused = say(station, message(3, requested([10, 0, 0, 7])));
    expect([kindOf(refused), refused[0].to]).toEqual([6, all]);
    // Another network's address is refused, whoever asks; of an unknown client of this one another server may know.
    expect(kindOf(say(station, message(3, requested([192, 0, 2, 7]), { mac: 77 })))).toBe(6);
    expect(say(station, message(3, requested([10, 0, 0, 7]), { mac: 77 }))).toEqual([]);
    station.clock.advance(100_000);
    expect(station.gateway.counters().dhcp.leases).toBe(0);
  });

  it('lets a client keep the lease of a gateway that was started anew', () => {
    const station = new Station();
    const address = [10, 0, 0, 20];
    expect(kindOf(say(station, message(3, [], { address }), { from: address, mac: gatewayMac }))).toBe(5);
    expect(kindOf(say(station, message(3, [], { address, mac: 10 }), { from: address, mac: gatewayMac }))).toBe(6);
  });

  it('takes addresses back, and keeps those that somebody else has', () => {
    const station = new Station();
    const address = take(station, 9);
    say(station, message(7, [], { address }), { from: address, mac: gatewayMac });
    expect(station.gateway.counters().dhcp).toMatchObject({ leases: 0, released: 1 });
    expect(take(station, 8)).toEqual(address);
    say(station, message(4, [...requested(address), ...ofServer], { mac: 8 }));
    expect(take(station, 8)).toEqual([10, 0, 0, 252]);
  });

  it('has the name server know what a client calls itself for as long as it has its lease', () => {
    const station = new Station({ leaseSeconds: 60, hosts: [{ address: '10.0.0.2', mac: '02:00:00:00:00:07' }] });
    const first = take(station, 9, hostName('web'));
    expect(resolve(station, 'web')).toEqual(first);
    say(station, message(7, [], { address: first }), { from: first, mac: gatewayMac });
    expect(resolve(station, 'web')).toBeUndefined();
    const second = take(station, 8, hostName('web'));
    say(station, message(4, [...requested(second), ...ofServer], { mac: 8 }));
    expect(resolve(station, 'web')).toBeUndefined();
    const third = take(station, 6, hostName('web'));
    expect(resolve(station, 'web')).toEqual(third);
    take(station, 7, hostName('mail'));
    expect(resolve(station, 'mail')).toEqual([10, 0, 0, 2]);
    station.clock.advance(30_000);
    const fourth = take(station, 5);
    station.clock.advance(30_000);
    expect(['web', 'mail'].map((name) => resolve(station, name))).toEqual([undefined, undefined]);
    // The name is free for another.
    say(station, message(3, hostName('web'), { mac: 5, address: fourth }), { from: fourth, mac: gatewayMac });
    expect(resolve(station, 'web')).toEqual(fourth);
  });

  it('forgets the name of a lease that makes way for another of the same card', () => {
    const station = new Station({ hosts: [{ address: '10.0.0.2', mac: '02:00:00:00:00:07' }] });
    take(station, 7, [61, 3, 0, 1, 1, ...hostName('web')]);
    expect(resolve(station, 'web')).toEqual([10, 0, 0, 2]);
    expect(kindOf(say(station, message(1, [61, 3, 0, 1, 2], { mac: 7 })))).toBe(2);
    expect(resolve(station, 'web')).toBeUndefined();
  });

  it('forgets an offer when the client takes that of another server', () => {
    const station = new Station({ leases: 1 });
    say(station, message(1));
    expect(say(station, message(1, [], { mac: 8 }))).toEqual([]);
    expect(say(station, message(3, [...requested([10, 0, 0, 9]), 54, 4, 10, 0, 0, 1]))).toEqual([]);
    expect(kindOf(say(station, message(1, [], { mac: 8 })))).toBe(2);
    expect(station.gateway.counters().dhcp.exhausted).toBe(1);
  });

  it('tells who has an address already what else there is to know', () => {
    const station = new Station();
    const address = [10, 0, 0, 1];
    const [answer] = say(station, message(8, [], { address }), { mac: gatewayMac });
    expect([answer.to, answer.address, answer.options.has(51)]).toEqual([address, nobody, false]);
    expect(answer.options.get(6)).toEqual(server);
  });

  it('puts an option together that comes in parts', () => {
    const station = new Station();
    const address = take(station, 9, [12, 2, ...letters('we'), 55, 1, 1, 12, 0, 12, 1, ...letters('b')]);
    expect(resolve(station, 'web')).toEqual(address);
  });

  it('takes messages of 1500 bytes and options of 255 bytes in all, and none that are larger', () => {
    const station = new Station();
    const padded = (length: number): number[] => [...message(1), ...new Array<number>(length).fill(0)].slice(0, length);
    const ones = (length: number): number[] => [55, length, ...new Array<number>(length).fill(1)];
    const inParts = (length: number): number[] => message(1, [...ones(200), ...ones(length - 200)]);
    expect([padded(1500), inParts(255)].map((bytes) => kindOf(say(station, bytes)))).toEqual([2, 2]);
    expect([padded(1501), inParts(256)].flatMap((bytes) => say(station, bytes))).toEqual([]);
    expect(station.gateway.counters().dropped).toEqual({ malformed: 2 });
  });

  it('does not answer what is no message of a client of its network', () => {
    const station = new Station();
    const relayed = message(1);
    relayed[24] = 10;
    const reply = message(1);
    reply[0] = 2;
    expect([relayed, reply, message(2), message(1).slice(0, 239)].flatMap((bytes) => say(station, bytes))).toEqual([]);
    expect(station.gateway.counters().dropped).toEqual({ otherNetwork: 1, malformed: 2, protocol: 1 });
  });
});
