import { output, type Link, type Machine } from './machine.js';

/** The same for all: what v86's card has, and Ethernet's. */
export const mtu = 1500;
/** Of cards that can have several. */
export const queuePairs = 4;

/** Gives the guests their addresses. Without IPv6 there is no traffic but what is measured. */
export async function addressed(guests: readonly Machine[]): Promise<Link> {
  const address = (index: number): string => `10.0.0.${index + 1}`;
  const setUp = guests.map((guest, index) =>
    output(
      guest,
      `for i in 1 2 3 4 5; do [ -e /sys/class/net/eth0 ] && break; sleep 1; done
      echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
      ip address add ${address(index)}/24 dev eth0 && ip link set eth0 mtu ${mtu} up`,
    ),
  );
  await Promise.all(setUp);
  const interfaces = guests.map((machine) => ({ machine, name: 'eth0' }));
  return { client: guests[0], address: address(1), interfaces };
}
