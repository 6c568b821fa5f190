/** The guest did not answer in time. The message ends with the last lines of its console. */
export class GuestTimeout extends Error {
  override readonly name = 'GuestTimeout';
}

/** The guest is no more: it halted, panicked or was stopped. The message ends with the last lines of its console. */
export class GuestEnded extends Error {
  override readonly name = 'GuestEnded';
}

/** One sentence of what went wrong, then the console's last lines, indented. */
export function withLastLines(sentence: string, lines: readonly string[]): string {
  if (lines.length === 0) return `${sentence} Its console has shown nothing.`;
  return `${sentence} Its console's last lines:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
