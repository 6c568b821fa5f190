import type { Condition } from './condition.js';

/** What a condition may say, as text and as a value. */
export interface ConditionField {
  /** What it takes, for messages: 'a whole number from 1 on'. */
  readonly takes: string;
  /** What it means, for a list. */
  readonly means: string;
  readonly example: string;
  /** The value that a text stands for; NaN or undefined where it stands for none. */
  readonly parse: (text: string) => number | string | undefined;
  /** The text that stands for a value. */
  readonly write: (value: number | string) => string;
  readonly valid: (value: unknown) => boolean;
}

const number = (text: string): number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN);

/** Without an exponent, which small numbers would have. */
const decimal = (value: number | string): string => {
  const [digits, exponent] = String(value).split('e-');
  return exponent === undefined ? digits : `0.${'0'.repeat(Number(exponent) - 1)}${digits.replace('.', '')}`;
};

const whole = (least: number, means: string, example: string): ConditionField => ({
  takes: `a whole number from ${least} on`,
  means,
  example,
  parse: number,
  write: decimal,
  valid: (value) => Number.isSafeInteger(value) && Number(value) >= least,
});

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

const duration = (means: string, example: string): ConditionField => ({
  takes: 'a time such as 500ms, 5s or 2m',
  means,
  example,
  parse: (text) => {
    const [, digits = '', unit = ''] = /^([\d.]+)(ms|s|m)$/.exec(text) ?? [];
    return number(digits) * (units[unit] ?? NaN);
  },
  write: (value) => (Number(value) % 1000 === 0 ? `${Number(value) / 1000}s` : `${decimal(value)}ms`),
  valid: (value) => typeof value === 'number' && value >= 0 && value < 2 ** 31,
});

/** As the device calls them: without zeros before the number. */
const queueName = /^(?:(?:input|output)\.(?:0|[1-9]\d*)|control)$/;

/** Everything that a condition may say. */
export const conditionFields: Readonly<Record<keyof Condition, ConditionField>> = {
  after: whole(0, 'this many events pass first', 'after=100'),
  every: whole(1, 'then each Nth', 'every=10'),
  times: whole(1, 'this often at most', 'times=1'),
  probability: {
    takes: 'a number from 0 to 1',
    means: 'with this probability',
    example: 'probability=0.01',
    parse: number,
    write: decimal,
    valid: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  },
  seed: whole(0, 'other chances', 'seed=7'),
  queue: {
    takes: 'the name of a queue, such as input.0, output.3 or control',
    means: 'on this queue only',
    example: 'queue=input.0',
    parse: (text) => text,
    write: String,
    valid: (value) => typeof value === 'string' && queueName.test(value),
  },
  time: duration('not earlier than this', 'time=5s'),
  delay: duration('how long what is late or passes takes', 'delay=200ms'),
};

/** A condition as text, such as `after=20,delay=5ms`; the fields read the same from it. Empty where it says nothing. */
export function conditionText(condition: Condition): string {
  const said = Object.entries(condition) as [keyof Condition, number | string | undefined][];
  return said
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${conditionFields[name].write(value)}`]))
    .join(',');
}
