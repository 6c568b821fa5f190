import { describe, expect, it } from 'vitest';

import { guestCommand, mirrorUrl, ranges, wholeNumber, type NumberOption } from '../../src/cli/arguments.js';
import { GuestNumbers } from '../../src/cli/guestNumbers.js';
import { bootSettings, type BootOptions } from '../../src/cli/program.js';
import { UserError } from '../../src/vm/errors.js';

describe.each(Object.keys(ranges) as NumberOption[])('--%s', (option) => {
  const { least, most } = ranges[option];
  const parse = wholeNumber(option);

  it('takes the numbers of its range', () => {
    expect(parse(String(least))).toBe(least);
    expect(parse(String(most))).toBe(most);
  });

  it.each([`${least - 1}`, `${most + 1}`, 'many', '', '1.5', '-1', '0x10', ' 4', '1e2', 'NaN', '9'.repeat(400)])(
    'refuses %j in a sentence that names the option, the range and what was given',
    (text) => {
      expect(() => parse(text)).toThrow(UserError);
      expect(() => parse(text)).toThrow(`from ${least} to ${most}; '${text}' is not one.`);
      expect(() => parse(text)).toThrow(new RegExp(`^--${option} takes a whole number`));
    },
  );
});

describe('--exec', () => {
  it.each([
    ['ls', { guest: 1, command: 'ls' }],
    ['1:ls', { guest: 1, command: 'ls' }],
    ['2:ip link', { guest: 2, command: 'ip link' }],
    ['2:a\nb', { guest: 2, command: 'a\nb' }],
    ['2:3:4', { guest: 2, command: '3:4' }],
    ['echo 7:8', { guest: 1, command: 'echo 7:8' }],
    [':', { guest: 1, command: ':' }],
  ])('%j is %j', (text, command) => {
    expect(guestCommand(text, new GuestNumbers(2))).toEqual(command);
  });

  it.each(['3:ls', '0:ls', '10:ls', '99999999999999999999:ls'])('%j is for no guest', (text) => {
    expect(() => guestCommand(text, new GuestNumbers(2))).toThrow(UserError);
    expect(() => guestCommand(text, new GuestNumbers(2))).toThrow(/the guests are 1 to 2/);
    expect(() => guestCommand(text, new GuestNumbers(1))).toThrow(/there is only guest 1/);
  });

  it.each([
    ['1:ls', 'the guests are 3 to 4; --first-guest 1 begins with it.'],
    ['5:ls', 'the guests are 3 to 4; --guests makes more.'],
    ['0:ls', 'the guests are 3 to 4; guests have numbers from 1 to 254.'],
    ['255:ls', 'the guests are 3 to 4; guests have numbers from 1 to 254.'],
  ])('%j is for no guest, and the message says how there would be one', (text, message) => {
    expect(() => guestCommand(text, new GuestNumbers(2, 3))).toThrow(message);
  });

  it.each(['', '  ', '2:', '2: '])('%j has no command', (text) => {
    expect(() => guestCommand(text, new GuestNumbers(2))).toThrow(/has no command/);
  });
});

describe('--mirror', () => {
  it.each(['http://host/debian', 'https://host', 'file:/srv/mirror'])('takes %s', (text) => {
    expect(mirrorUrl(text)).toBe(text);
  });

  it.each(['', 'host', 'ftp://host', 'http://', 'http://a b'])('refuses %j', (text) => {
    expect(() => mirrorUrl(text)).toThrow(UserError);
  });
});

describe('vmq boot', () => {
  const options: BootOptions = { guests: 3, queues: 8, backend: 'loopback', timeout: 7 };

  it('asks for what the options say', () => {
    const settings = bootSettings({
      ...options,
      ...{ memory: 512, mtu: 9000, kernel: 'k', initrd: 'i', append: 'quiet', suite: 'bullseye', mirror: 'http://m' },
      ...{ transitional: true, exec: ['a', '3:b'], json: true, hotplug: true, checkDriver: true },
    });
    expect(settings).toEqual({
      network: {
        ...{
          guests: 3,
          first: 1,
          workers: false,
          queuePairs: 8,
          backend: 'loopback',
          mtu: 9000,
          transitional: true,
          memoryMiB: 512,
        },
        checkDriver: true,
        ...{ kernel: 'k', initrd: 'i', commandLine: 'quiet' },
        image: { suite: 'bullseye', kernelPackage: undefined, mirror: 'http://m' },
      },
      commands: [
        { guest: 1, command: 'a' },
        { guest: 3, command: 'b' },
      ],
      timeoutMs: 7000,
      json: true,
      hotplug: true,
    });
  });

  it('takes one kernel, not two', () => {
    expect(() => bootSettings({ ...options, kernel: 'k', kernelPackage: 'p' })).toThrow(UserError);
  });

  it('takes no initial RAM disk without its kernel', () => {
    expect(() => bootSettings({ ...options, initrd: 'i' })).toThrow(/--kernel/);
  });

  it('has workers where they are asked for, and only with the switch', () => {
    const onSwitch = { ...options, backend: 'switch' } as const;
    expect(bootSettings({ ...onSwitch, workers: true }).network.workers).toBe(true);
    expect(bootSettings({ ...onSwitch, guests: 1 }).network.workers).toBe(false);
    // What workers run is there when the command is installed, not when it runs from its sources.
    expect(bootSettings(onSwitch).network.workers).toBe(false);
    expect(() => bootSettings({ ...options, workers: true })).toThrow('--workers needs the switch');
  });

  it('counts guests from the first, as far as there are addresses', () => {
    const last = { ...options, firstGuest: 252, exec: ['a', '254:b'] };
    expect(bootSettings(last)).toMatchObject({
      network: { guests: 3, first: 252 },
      commands: [
        { guest: 252, command: 'a' },
        { guest: 254, command: 'b' },
      ],
    });
    expect(() => bootSettings({ ...last, exec: ['1:a'] })).toThrow('is for guest 1, but the guests are 252 to 254');
    expect(() => bootSettings({ ...options, firstGuest: 253 })).toThrow(
      '--first-guest 253 leaves addresses for 2 guests, not 3.',
    );
    expect(() => bootSettings({ ...options, firstGuest: 254 })).toThrow(
      '--first-guest 254 leaves an address for 1 guest, not 3.',
    );
  });
});
