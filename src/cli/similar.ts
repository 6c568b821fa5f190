/** Up to three of the names that somebody may have meant by a text: those that contain it, then those spelled much like it. */
export function similarNames(text: string, names: readonly string[]): string[] {
  const allowed = Math.max(1, Math.floor(text.length / 3));
  const near = names
    .map((name) => ({ name, distance: text !== '' && name.includes(text) ? 0 : editDistance(text, name) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance);
  return near.slice(0, 3).map(({ name }) => name);
}

/** How many letters are to be put in, left out or replaced to make one of the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
