/** Breaks a text into lines of up to `width` characters, at its spaces. Its own line breaks count as spaces. */
export function wrap(text: string, width: number): string {
  return lines(text, width, Infinity);
}

/** The same, but a word that is longer than a line is broken too: behind a mark in it, or where the line ends. */
export function wrapTightly(text: string, width: number): string {
  return lines(text, width, width);
}

/** @param longest what a line with one word may have */
function lines(text: string, width: number, longest: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
    while (line.length > longest) {
      const end = breakOf(line, longest);
      lines.push(line.slice(0, end));
      line = line.slice(end);
    }
  }
  return [...lines, line].join('\n');
}

function breakOf(word: string, longest: number): number {
  const marks = [...word.slice(0, longest).matchAll(/[-_/,:;]/g)];
  return marks.length > 0 ? marks.at(-1)!.index + 1 : longest;
}
