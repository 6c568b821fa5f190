import { describe, expect, it } from 'vitest';

import { faultList, type FaultReport } from '../../src/cli/faultList.js';
import { checkGuests, guestFault } from '../../src/cli/faultOption.js';
import { GuestNumbers } from '../../src/cli/guestNumbers.js';
import { main } from '../../src/cli/main.js';
import { faults } from '../../src/lab/faults/index.js';
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
    });
  });

  it('is a table without --json, with the conditions', async () => {
    const text = await vmq('faults');
    for (const { name } of faults) expect(text).toContain(name);
    expect(text).toMatch(/probability=0\.01 +with this probability/);
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
    ['gone@queue=rx0', "queue takes the name of a queue, such as input.0, output.3 or control; 'rx0' is not one."],
    ['gone@time=5', "time takes a time such as 500ms, 5s or 2m; '5' is not one."],
    ['gone@guest=0', "guest takes the number of a guest, from 1 on; '0' is not one."],
  ])('refuses %j in a sentence', (text, message) => {
    expect(() => guestFault(text)).toThrow(UserError);
    expect(() => guestFault(text)).toThrow(message);
    expect(() => guestFault(text)).toThrow(/^--fault.*[^.][.?]$/);
  });

  it('is for a guest that there is', () => {
    const asked = guestFault('gone@guest=3');
    expect(() => checkGuests(asked, new GuestNumbers(3))).not.toThrow();
    expect(() => checkGuests(asked, new GuestNumbers(2))).toThrow(
      "--fault 'gone@guest=3' is for guest 3, but the guests are 1 to 2; --guests makes more.",
    );
  });

  it('that is wrong ends the command with status 2 before anything is started', async () => {
    const streams = testStreams();
    expect(await main(['boot', '--fault', 'gone@after=x', '--exec', 'true'], streams)).toBe(2);
    expect(streams.stderr.text).toBe("--fault: after takes a whole number from 0 on; 'x' is not one.\n");
  });
});
