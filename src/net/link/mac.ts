export const macBytes = 6;

/** Reads six hexadecimal bytes, 52:54:00:12:34:56; undefined where the text is something else. */
export function readMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16));
}

/** Whether the address at `at` is for a group of stations: multicast or broadcast. */
export function isGroup(bytes: Uint8Array, at = 0): boolean {
  return (bytes[at] & 1) !== 0;
}

/** @throws RangeError when the text is not a unicast address of six hexadecimal bytes: 52:54:00:12:34:56 */
export function parseMac(text: string): Uint8Array {
  const mac = readMac(text);
  if (!mac) throw new RangeError(`'${text}' is no MAC address; one looks like 52:54:00:12:34:56`);
  if (isGroup(mac)) throw new RangeError(`the MAC address ${text} is a multicast one; its first byte must be even`);
  return mac;
}

export function formatMac(mac: ArrayLike<number>): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
