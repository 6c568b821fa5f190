import { describe, expect, it } from 'vitest';

import { commands } from '../../src/driver/index.js';
import { digits } from './ram.js';

const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);

/** Class, command and data, as they go to the device. */
function bytes({ kind, command, data }: commands.Command): string {
  return digits(Uint8Array.of(kind, command, ...data));
}

describe('a command of the control queue', () => {
  it.each([
    ['promiscuous mode', commands.setRxMode('promiscuous', true), '0000' + '01'],
    ['no broadcast', commands.setRxMode('noBroadcast', false), '0005' + '00'],
    [
      'the table of addresses',
      commands.setMacTable([mac(1)], [mac(2), mac(3)]),
      '0100' + '01000000' + '020000000001' + '02000000' + '020000000002' + '020000000003',
    ],
    ['the address', commands.setMacAddress(mac(9)), '0101' + '020000000009'],
    ['a VLAN to add', commands.addVlan(0x123), '0200' + '2301'],
    ['a VLAN to delete', commands.deleteVlan(0xffe), '0201' + 'fe0f'],
    ['the announcement', commands.acknowledgeAnnounce(), '0300'],
    ['queue pairs', commands.setQueuePairs(0x102), '0400' + '0201'],
    [
      'RSS',
      commands.setRss({
        hashTypes: 0x1ff,
        indirectionTable: [0, 1, 2, 3],
        unclassifiedQueue: 1,
        maxTransmitQueues: 4,
        key: Uint8Array.of(0xaa, 0xbb),
      }),
      '0401' + 'ff010000' + '0300' + '0100' + '0000010002000300' + '0400' + '02' + 'aabb',
    ],
    ['hashes', commands.setHash(7, Uint8Array.of(0xcc)), '0402' + '07000000' + '0000000000000000' + '01' + 'cc'],
    ['offloads', commands.setGuestOffloads(1n << 54n), '0500' + '0000000000004000'],
    [
      'transmit coalescing',
      commands.setTransmitCoalescing({ maxPackets: 8, maxMicroseconds: 64 }),
      '0600' + '08000000' + '40000000',
    ],
    [
      'receive coalescing',
      commands.setReceiveCoalescing({ maxPackets: 1, maxMicroseconds: 2 }),
      '0601' + '01000000' + '02000000',
    ],
    [
      'coalescing of a queue',
      commands.setQueueCoalescing(3, { maxPackets: 1, maxMicroseconds: 2 }),
      '0602' + '0300' + '0000' + '01000000' + '02000000',
    ],
    ['coalescing asked for', commands.getQueueCoalescing(3), '0603' + '0300' + '0000'],
    ['statistics asked for', commands.queryStatistics(), '0800'],
    [
      'statistics of a queue',
      commands.getStatistics([{ queue: 2, types: [commands.statisticsType.rxBasic, commands.statisticsType.rxGso] }]),
      '0801' + '0200' + '000000000000' + '0500000000000000',
    ],
  ])('%s', (_, command, expected) => {
    expect(bytes(command)).toBe(expected);
  });

  it('has room for the replies it asks for', () => {
    const { controlQueue, rxBasic, txGso } = commands.statisticsType;
    const asked = commands.getStatistics([
      { queue: 0, types: [rxBasic] },
      { queue: 1, types: [txGso] },
      { queue: 8, types: [controlQueue] },
    ]);
    expect(asked.resultBytes).toBe(8 + 48 + (8 + 48) + (8 + 16));
  });

  it('reads replies by the size that each tells', () => {
    const replies = Uint8Array.of(
      ...[32, 0, 8, 0, 0, 0, 24, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0],
      ...[17, 0, 1, 0, 0, 0, 24, 0, 1, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
      ...[99, 0],
    );
    expect(commands.decodeStatistics(replies)).toEqual([
      { type: 32, queue: 8, counters: { command_num: 5n, ok_num: 4n } },
      { type: 17, queue: 1, counters: { tx_csum_none: 257n, tx_needs_csum: 2n } },
    ]);
  });
});
