/** Everything a device takes, and whether it stopped because a rule was broken. */
export function takeAll<T>(
  take: () => T | undefined,
  broke: new (...args: never[]) => Error,
): { taken: T[]; broken: boolean } {
  const taken: T[] = [];
  try {
    for (let buffer = take(); buffer; buffer = take()) taken.push(buffer);
    return { taken, broken: false };
  } catch (error) {
    if (error instanceof broke) return { taken, broken: true };
    throw error;
  }
}
