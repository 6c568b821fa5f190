import { machinesOf, output, type Link } from './machine.js';

/** The segments that the guests' TCP has sent again since they came up. */
export async function resent(link: Link): Promise<number> {
  const counts = await Promise.all(
    machinesOf(link).map(async (machine) => readResent(await output(machine, 'cat /proc/net/snmp'))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** RetransSegs of /proc/net/snmp. */
export function readResent(text: string): number {
  const [names, values] = text.split('\n').filter((line) => line.startsWith('Tcp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('RetransSegs')]);
}
