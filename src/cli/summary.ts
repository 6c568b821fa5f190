import type { Station } from './network.js';

/** How the guests came up, in one line: "guest 1 at 10.0.0.1 in 0.8 s, guest 2 at 10.0.0.2 in 0.7 s". */
export function bootSummary(stations: readonly Station[]): string {
  const each = stations.map(({ number, ip, guest }) => {
    const seconds = (guest.bootMs / 1000).toFixed(1);
    return `guest ${number} at ${ip} ${guest.fromSnapshot ? 'resumed' : 'booted'} in ${seconds} s`;
  });
  return each.join(', ');
}
