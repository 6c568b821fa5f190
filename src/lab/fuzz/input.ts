/** Bytes of an operation's arguments. */
export const argumentBytes = 7;

/** One operation: which, by its name, and bytes that it takes its arguments from. */
export interface Step {
  readonly operation: string;
  readonly bytes: Uint8Array;
}

/** What is done to a card, one step after the other. */
export type Input = readonly Step[];

/** One line a step: its name and its bytes, in hexadecimal; what follows a # is for people. */
export function inputText(input: Input): string {
  return input.map(({ operation, bytes }) => `${operation} ${hex(bytes)}\n`).join('');
}

/** Inputs that stand one behind the other, with blank lines between. @throws RangeError for what are none */
export function parseInputs(text: string): Input[] {
  return text
    .split(/\n\s*\n/)
    .map(parseInput)
    .filter(({ length }) => length > 0);
}

/** @throws RangeError for what is no input, with the number of the line */
export function parseInput(text: string): Input {
  return text.split('\n').flatMap((line, index) => {
    const step = line.replace(/#.*/, '').trim();
    if (step === '') return [];
    const [, operation, digits] = /^([a-zA-Z]+) ((?:[0-9a-f]{2}){7})$/.exec(step) ?? [];
    if (operation === undefined || digits === undefined) {
      throw new RangeError(`line ${index + 1} is no step, a name and ${argumentBytes} bytes: '${line}'`);
    }
    const bytes = Uint8Array.from({ length: argumentBytes }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
    return [{ operation, bytes }];
  });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
