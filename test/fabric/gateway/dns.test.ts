import { describe, expect, it } from 'vitest';
import { Names } from '../../../src/fabric/gateway/dns/names.js';
import { DnsServer } from '../../../src/fabric/gateway/dns/server.js';
import { ManualClock } from '../../../src/virtio/clock.js';

const clock = new ManualClock();
const newNames = (): Names => new Names('internal', clock);
const names = newNames();
names.fix(0x0a000001, ['guest1', 'vm1']);
const server = new DnsServer(names);

const labels = (name: string): number[] => [
  ...name.split('.').flatMap((label) => [label.length, ...Array.from(label, (letter) => letter.charCodeAt(0))]),
  0,
];

/** A query (RFC 1035, 4): with recursion desired, one question. */
function query(name: string, type = 1, flags = 0x0100): number[] {
  return [0xab, 0xcd, flags >>> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, 0, ...labels(name), 0, type, 0, 1];
}

function ask(bytes: number[]): { code: number; flags: number; answers: number; data: number[] } {
  const answer = server.answer(Uint8Array.from(bytes));
  if (typeof answer === 'string') throw new Error(answer);
  const all = Array.from(answer);
  expect(all.slice(0, 2)).toEqual(bytes.slice(0, 2));
  return { code: all[3] & 15, flags: all[2], answers: all[7], data: all.slice(bytes.length) };
}

const record = (type: number, data: number[]): number[] => [
  0xc0,
  12,
  0,
  type,
  0,
  1,
  0,
  0,
  0,
  10,
  0,
  data.length,
  ...data,
];

describe('DNS', () => {
  it.each(['guest1', 'GUEST1', 'vm1', 'guest1.internal'])('knows %s', (name) => {
    expect(ask(query(name))).toEqual({ code: 0, flags: 0x85, answers: 1, data: record(1, [10, 0, 0, 1]) });
  });

  it('knows the name of an address', () => {
    const { data } = ask(query('1.0.0.10.in-addr.arpa', 12));
    expect(data).toEqual(record(12, labels('guest1.internal')));
    expect(ask(query('9.0.0.10.in-addr.arpa', 12)).code).toBe(3);
    expect(ask(query('x.in-addr.arpa', 12)).code).toBe(3);
  });

  it('has nothing but addresses of IPv4 for a name', () => {
    expect(ask(query('guest1', 28))).toMatchObject({ code: 0, answers: 0, data: [] });
  });

  it.each(['guest9', 'internal', 'debian.org', 'guest1.debian.org'])('knows no %s', (name) => {
    expect(ask(query(name))).toMatchObject({ code: 3, answers: 0 });
  });

  it('refuses other operations, and what it can not read', () => {
    expect(ask(query('guest1', 1, 0x2000)).code).toBe(4);
    expect(ask(query('guest1').slice(0, 14)).code).toBe(1);
    expect(ask([...query('guest1').slice(0, 12), 0xc0, 12, 0, 1, 0, 1]).code).toBe(1);
    expect(server.answer(Uint8Array.from(query('guest1').slice(0, 11)))).toBe('malformed');
    expect(server.answer(Uint8Array.from(query('guest1', 1, 0x8000)))).toBe('malformed');
  });

  it('takes names that stations give themselves, but none that another has', () => {
    const own = newNames();
    own.fix(1, ['gateway']);
    own.set(2, 'Web', Infinity);
    own.set(3, 'web', Infinity);
    own.set(4, 'gateway', Infinity);
    own.set(5, 'no name', Infinity);
    expect([own.addressOf('web'), own.addressOf('gateway'), own.nameOf(2)]).toEqual([2, 1, 'web.internal']);
    expect([own.nameOf(3), own.nameOf(4), own.nameOf(5)]).toEqual([undefined, undefined, undefined]);
    own.set(2, undefined, 0);
    own.set(3, 'web', Infinity);
    expect(own.addressOf('web.internal')).toBe(3);
  });

  it('knows one name at a time that a station gives itself, beside those that it was given', () => {
    const own = newNames();
    own.fix(1, ['guest1', 'vm1']);
    for (const name of ['vm1', 'web', 'web2']) own.set(1, name, Infinity);
    expect(['guest1', 'vm1', 'web', 'web2'].map((name) => own.addressOf(name))).toEqual([1, 1, undefined, 1]);
    expect(own.nameOf(1)).toBe('guest1.internal');
    own.set(1, undefined, 0);
    expect(['guest1', 'vm1', 'web2'].map((name) => own.addressOf(name))).toEqual([1, 1, undefined]);
  });

  it('forgets what a station calls itself when the time of that is over, and lets another have it', () => {
    const own = newNames();
    own.set(1, 'web', clock.now() + 1000);
    own.set(2, 'mail', clock.now() + 1000);
    clock.advance(999);
    expect([own.addressOf('web'), own.nameOf(2)]).toEqual([1, 'mail.internal']);
    clock.advance(1);
    expect([own.addressOf('web'), own.nameOf(2)]).toEqual([undefined, undefined]);
    own.set(1, 'web', clock.now() + 1000);
    clock.advance(1000);
    own.set(3, 'web', clock.now() + 1000);
    expect([own.addressOf('web'), own.nameOf(1), own.nameOf(3)]).toEqual([3, undefined, 'web.internal']);
    own.set(1, 'web2', clock.now() + 1000);
    expect(own.addressOf('web')).toBe(3);
  });
});
