import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { faultList, faultTables, type FaultReport } from '../../src/cli/faultList.js';
import { checkPlaces, guestFault } from '../../src/cli/faultOption.js';
import { GuestNumbers } from '../../src/cli/guestNumbers.js';
import { main } from '../../src/cli/main.js';
import type { StationReport } from '../../src/cli/network.js';
import { conditionFields, conditionText, faults, type Condition, type FaultCount } from '../../src/lab/faults/index.js';
import { UserError } from '../../src/vm/errors.js';
import { testStreams } from './streams.js';

async function vmq(...args: string[]): Promise<string> {
  const streams = testStreams();
  expect(await main(args, streams)).toBe(0);
  return streams.stdout.text;
}

describe('vmq faults', () => {
  it('lists every fault as JSON', async () => {
    const list = JSON.parse(await vmq('faults', '--json')) as FaultReport[];
    expect(list).toEqual(faultList());
    expect(list.map(({ name }) => name)).toEqual(faults.map(({ name }) => name));
    expect(list.find(({ name }) => name === 'needs-reset')).toMatchObject({
      when: { times: 1 },
      event: 'a used buffer',
      conditions: ['after', 'every', 'times', 'probability', 'seed', 'queue', 'time'],
    });
  });

  it('is a table without --json, with the conditions', async () => {
    const text = await vmq('faults');
    for (const { name } of faults) expect(text).toContain(name);
    expect(text).toMatch(/probability=0\.01 +with this probability/);
  });
});

describe('a condition as text', () => {
  const whole = fc.maxSafeNat();
  const number = fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs);
  const time = fc.oneof(fc.nat(), fc.double({ min: 0, max: 2 ** 31, maxExcluded: true, noNaN: true }).map(Math.abs));
  const conditions: fc.Arbitrary<Condition> = fc.record(
    {
      ...{ after: whole, every: whole.map((n) => n || 1), times: whole.map((n) => n || 1), seed: whole },
      ...{ probability: number, queue: fc.constantFrom('input.0', 'output.12', 'control'), time, delay: time },
    },
    { requiredKeys: ['after'] },
  );

  it('is what --fault reads the same condition from', () => {
    fc.assert(
      fc.property(conditions, (when) => {
        expect(guestFault(`interrupt-delayed@${conditionText(when)}`)[0].when).toEqual(when);
      }),
    );
  });

  it('has times with their unit, and nothing that is not said', () => {
    expect(conditionText({ every: 10, delay: 20, time: undefined })).toBe('every=10,delay=20ms');
    expect(conditionText({ time: 10_000, delay: 1500, probability: 1.5e-7 })).toBe(
      'time=10s,delay=1500ms,probability=0.00000015',
    );
    expect(conditionText({})).toBe('');
    for (const { example } of Object.values(conditionFields)) {
      expect(conditionText(guestFault(`interrupt-delayed@${example}`)[0].when!)).toBe(example);
    }
  });

  it('stands in the table of what happened', () => {
    const injected: FaultCount[] = [
      { fault: 'interrupt-delayed', when: { delay: 5 }, count: 3 },
      { fault: 'gone', when: {}, count: 0 },
    ];
    const [text] = faultTables([{ number: 2, injected } as unknown as StationReport]);
    expect(text).toMatch(/^ +2 +interrupt-delayed@delay=5ms +3$/m);
    expect(text).toMatch(/^ +2 +gone +0$/m);
  });

  it('stands on the page about Linux so that --fault takes it', () => {
    const docs = new URL('../../docs/', import.meta.url);
    const page = readFileSync(new URL('faults-linux.md', docs), 'utf8');
    const results = JSON.parse(readFileSync(new URL('faults-linux.json', docs), 'utf8')) as FaultCount[];
    const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \| [^|]+ \| (?:`(.+?)`|always) \|/gm)];
    expect(rows.map(([, name]) => name)).toEqual(results.map(({ fault }) => fault));
    rows.forEach(([, name, text], i) => {
      expect(guestFault(text ? `${name}@${text}` : name)[0].when).toEqual(results[i].when);
    });
  });
});

describe('--fault', () => {
  it('takes a fault and its conditions', () => {
    expect(guestFault('gone')).toEqual([{ text: 'gone', fault: 'gone', guest: undefined, when: {} }]);
    const text = 'interrupt-lost@after=100,every=10,times=3,probability=0.01,seed=7,queue=input.0,guest=2,time=5s';
    expect(guestFault(text)[0]).toMatchObject({
      guest: 2,
      when: { after: 100, every: 10, times: 3, probability: 0.01, seed: 7, queue: 'input.0', time: 5000 },
    });
    expect(guestFault('gone@time=200ms')[0].when).toEqual({ time: 200 });
    expect(guestFault('gone@time=1.5m')[0].when).toEqual({ time: 90_000 });
  });

  it('may be given more than once', () => {
    expect(guestFault('gone', guestFault('mac-zero')).map(({ fault }) => fault)).toEqual(['mac-zero', 'gone']);
  });

  it.each([
    ['interupt-lost', "no fault is called 'interupt-lost'; did you mean interrupt-lost"],
    ['', "no fault is called ''; 'vmq faults' lists those that there are."],
    ['gone@', 'behind @ come conditions such as after=100,every=10.'],
    ['gone@a@b', 'behind @ come conditions such as after=100,every=10.'],
    ['gone@after', "a condition is like after=100; 'after' is not one."],
    ['gone@often=1', "no condition is called 'often'; there are guest, after, every"],
    ['gone@toString=1', 'a condition is like after=100'],
    ['gone@after=-1', "after takes a whole number from 0 on; '-1' is not one."],
    ['gone@after=0x10', "after takes a whole number from 0 on; '0x10' is not one."],
    ['gone@every=0', "every takes a whole number from 1 on; '0' is not one."],
    ['gone@probability=1.1', "probability takes a number from 0 to 1; '1.1' is not one."],
    ['gone@queue=input.00', 'queue takes the name of a queue'],
    ['gone@queue=rx0', "queue takes the name of a queue, such as input.0, output.3 or control; 'rx0' is not one."],
    ['gone@time=5', "time takes a time such as 500ms, 5s or 2m; '5' is not one."],
    ['gone@every=10,every=20', "--fault 'gone@every=10,every=20': every is there twice."],
    ['gone@guest=1,after=1,guest=2', 'guest is there twice.'],
    [
      'mac-zero@queue=input.0',
      "'mac-zero@queue=input.0': mac-zero takes after, every, times, probability, seed, time, but not queue.",
    ],
    ['isr-zero@queue=control', 'isr-zero takes after, every, times, probability, seed, time, but not queue.'],
    [
      'interrupt-lost@delay=5ms',
      'interrupt-lost takes after, every, times, probability, seed, queue, time, but not delay.',
    ],
    ['control-refused@queue=input.0', "queue takes control with control-refused; 'input.0' is not one."],
    ['used-length-short@queue=output.1', "queue takes input.N or control with used-length-short; 'output.1' is not"],
    ['gone@guest=0', "guest takes the number of a guest, from 1 on; '0' is not one."],
  ])('refuses %j in a sentence', (text, message) => {
    expect(() => guestFault(text)).toThrow(UserError);
    expect(() => guestFault(text)).toThrow(message);
    expect(() => guestFault(text)).toThrow(/^--fault.*[^.][.?]$/);
  });

  it('is for a guest and a queue that there are', () => {
    const asked = guestFault('gone@guest=3');
    expect(() => checkPlaces(asked, new GuestNumbers(3), 4)).not.toThrow();
    expect(() => checkPlaces(asked, new GuestNumbers(2), 4)).toThrow(
      "--fault 'gone@guest=3' is for guest 3, but the guests are 1 to 2; --guests makes more.",
    );
    const check = (queue: string): void =>
      checkPlaces(guestFault(`interrupt-lost@queue=${queue}`), new GuestNumbers(2), 4);
    for (const queue of ['input.0', 'output.3', 'control']) expect(() => check(queue)).not.toThrow();
    expect(() => check('output.4')).toThrow(
      new UserError("--fault 'interrupt-lost@queue=output.4': with --queues 4 the last such queue is output.3."),
    );
  });

  it('that is wrong ends the command with status 2 before anything is started', async () => {
    const streams = testStreams();
    expect(await main(['boot', '--fault', 'gone@after=x', '--exec', 'true'], streams)).toBe(2);
    expect(streams.stderr.text).toBe("--fault: after takes a whole number from 0 on; 'x' is not one.\n");
    const other = testStreams();
    expect(await main(['boot', '--queues', '2', '--fault', 'gone@queue=input.2', '--exec', 'true'], other)).toBe(2);
    expect(other.stderr.text).toMatch(/^--fault 'gone@queue=input\.2': .* is input\.1\.\n$/);
  });
});
