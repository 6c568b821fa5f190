/** The address of a guest's eth0; guests count from 1, and there are 254 of them at most. */
export function guestAddress(number: number): string {
  return `10.0.0.${number}`;
}

/** The Ethernet address of a guest's card. */
export function guestMac(number: number): string {
  return `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
}
