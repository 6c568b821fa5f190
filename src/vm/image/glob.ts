/** A shell-like pattern over whole paths: `*` is anything within a folder, `**` anything at all, `{a,b}` either. */
export function globPattern(glob: string): RegExp {
  const special: Record<string, string> = { '**': '.*', '*': '[^/]*', '?': '[^/]', '{': '(?:', '}': ')', ',': '|' };
  const source = glob.replace(/\*\*|[*?{},.+^$()|[\]\\]/g, (part) => special[part] ?? `\\${part}`);
  return new RegExp(`^${source}$`);
}
