import { afterEach, describe, expect, it, vi } from 'vitest';

import { randomNumbers } from '../../../src/virtio/random.js';
import {
  execute,
  inputText,
  mutate,
  parseInput,
  parseInputs,
  shrink,
  stepNames,
  type Input,
} from '../../../src/lab/fuzz/index.js';
import { NetDevice } from '../../../src/net/index.js';
import { InterruptRouter } from '../../../src/pci/interrupts.js';
import { DriverFault } from '../../../src/virtio/index.js';

/** A card that is brought up and receives a packet. */
const received = parseInput('start 03000001080000\ndeliver 01030000010000\nflush 00000000000000\n');
const sent = parseInput('start 03000001080000\nsend 00010300000000\n');

describe('an input', () => {
  it('is text and back', () => {
    expect(parseInput(inputText(received))).toEqual(received);
    expect(parseInputs(`# a comment\n${inputText(received)}\n\n${inputText(sent)}`)).toEqual([received, sent]);
  });

  it.each(['start', 'start 00', 'start 0000000000000g', '1 00000000000000'])('is not %j', (line) => {
    expect(() => parseInput(`\n${line}`)).toThrow(new RangeError(`line 2 is no step, a name and 7 bytes: '${line}'`));
  });

  it('changes by chance, the same with the same seed, and stays one', () => {
    const changed = (seed: number): string => {
      const chance = randomNumbers(seed);
      let input: Input = received;
      for (let i = 0; i < 50; i++) input = mutate(input, sent, stepNames, chance);
      return inputText(input);
    };
    expect(changed(1)).toBe(changed(1));
    expect(changed(1)).not.toBe(changed(2));
    expect(parseInput(changed(1)).length).toBeLessThanOrEqual(64);
  });

  it('shrinks to what matters', () => {
    const chance = randomNumbers(3);
    let input: Input = [...received, ...sent];
    for (let i = 0; i < 20; i++) input = mutate(input, received, stepNames, chance);
    const step = parseInput('poke 12345678000000');
    const small = shrink([...input, ...step, ...input], (candidate) =>
      candidate.some(({ operation, bytes }) => operation === 'poke' && bytes[1] === 0x34),
    );
    expect(inputText(small)).toBe('poke 00340000000000\n');
  });
});

/** A method of every card. */
function method<Name extends 'activate' | 'flush'>(name: Name) {
  return Reflect.get(NetDevice.prototype, name) as (this: NetDevice, ...args: Parameters<NetDevice[Name]>) => void;
}

describe('what the fuzzer looks for', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is not there in a card that is as it should be', () => {
    expect(execute(received).finding).toBeUndefined();
    expect(execute(received).signs).toContain('in 0');
    expect(execute(sent).signs).toContain('out 0 0 false 0');
  });

  it('a card that throws', () => {
    vi.spyOn(NetDevice.prototype, 'flush').mockImplementation(() => {
      throw new TypeError('a test');
    });
    expect(execute(received).finding).toMatch(/^TypeError thrown at .*: a test$/);
  });

  it('a card that writes where it was not told to', () => {
    const activate = method('activate');
    vi.spyOn(NetDevice.prototype, 'activate').mockImplementation(function (this: NetDevice, activation) {
      activation.memory.bytes[0x1f000] ^= 1;
      activate.call(this, activation);
    });
    expect(execute(received).finding).toBe('the device wrote at 0x1f000, where it had no leave to');
  });

  it('a card that counts a packet twice', () => {
    const flush = method('flush');
    vi.spyOn(NetDevice.prototype, 'flush').mockImplementation(function (this: NetDevice) {
      this.counters[0].rxFrames++;
      flush.call(this);
    });
    expect(execute(received).finding).toMatch(/^the counters say/);
  });

  it('a card that never stops', () => {
    vi.spyOn(NetDevice.prototype, 'flush').mockImplementation(function (this: NetDevice) {
      for (;;) this.connectedTo?.flush();
    });
    expect(execute(received).finding).toBe('more than 100000 frames, interrupts and calls');
  });

  it('a fault of no rule', () => {
    vi.spyOn(NetDevice.prototype, 'flush').mockImplementation(function (this: NetDevice) {
      const fault = new DriverFault('device-failure', 'a test');
      this.onFault(Object.assign(fault, { rule: 'no-rule' }), false);
    });
    expect(execute(received).finding).toMatch(/^a fault of no rule/);
  });

  it('bits that mean nothing in the ISR status', () => {
    vi.spyOn(InterruptRouter.prototype, 'readIsr').mockReturnValue(4);
    expect(execute(received).finding).toBe('the ISR status is 4');
  });

  it('a card that a reset does not cure', () => {
    vi.spyOn(NetDevice.prototype, 'reset').mockImplementation(() => undefined);
    expect(execute(parseInput('start 03000001080000\nfail 00000000000000')).finding).toMatch(/^after a reset/);
  });
});
