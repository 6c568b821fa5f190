import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { printfArgument, shellText } from '../../src/vm/shellText.js';

/** What sh makes of a text. */
function readBack(command: string, longest: number): string {
  const { pieces, escaped } = shellText(command, longest);
  for (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(longest);
    expect(piece).toMatch(/^[\n -~]*$/);
  }
  const parts = pieces.map((piece) => `'${piece}'`).join('');
  const script = escaped ? `printf %b ${parts}` : `printf %s ${parts}`;
  return spawnSync('sh', ['-c', script]).stdout.toString();
}

it('comes back whole from sh, whatever it is and however it is cut', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom("'", '\\', '0', '\n', '%', 'é', '\t') }),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 5, max: 20 }), (command, longest) => {
      fc.pre(!command.includes('\0'));
      expect(readBack(command, longest)).toBe(command);
    }),
    { numRuns: 200 },
  );
});

it('is one empty piece for nothing', () => {
  expect(shellText('', 10)).toEqual({ pieces: [''], escaped: false });
});

it('takes any bytes as the argument of printf', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const { stdout } = spawnSync('sh', ['-c', `printf %b '${printfArgument(bytes)}'`]);
  expect([...stdout]).toEqual([...bytes]);
});
