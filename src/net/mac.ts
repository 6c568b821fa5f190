export const macBytes = 6;

/** @throws RangeError when the text is not a unicast address of six hexadecimal bytes: 52:54:00:12:34:56 */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new RangeError(`'${text}' is no MAC address; one looks like 52:54:00:12:34:56`);
  }
  const mac = Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16));
  if (mac[0] & 1) throw new RangeError(`the MAC address ${text} is a multicast one; its first byte must be even`);
  return mac;
}

export function formatMac(mac: ArrayLike<number>): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
