import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);

/** A classic pcap file of Ethernet frames, a millisecond apart. */
export function pcapFile(frames: readonly Uint8Array[]): Uint8Array {
  const header = new Uint32Array([0xa1b2c3d4, 0x00040002, 0, 0, 0x40000, 1]);
  const records = frames.flatMap((frame, i) => [
    new Uint8Array(new Uint32Array([0, i * 1000, frame.length, frame.length]).buffer),
    frame,
  ]);
  return Buffer.concat([new Uint8Array(header.buffer), ...records]);
}

/**
 * What tshark finds in frames: for each frame the values of each field, in the order of the fields. It verifies all
 * checksums, puts fragments together, and keeps TCP's segments apart.
 */
export function dissect(
  frames: readonly Uint8Array[],
  fields: readonly string[],
  options: string[] = [],
): string[][][] {
  const folder = mkdtempSync(join(tmpdir(), 'vmq-tshark-'));
  try {
    const file = join(folder, 'frames.pcap');
    writeFileSync(file, pcapFile(frames));
    const shown = fields.flatMap((field) => ['-e', field]);
    const format = ['-T', 'fields', '-E', 'separator=|', '-E', 'aggregator=;'];
    const all = ['-n', '-r', file, ...checks, '-o', 'tcp.desegment_tcp_streams:FALSE', ...options];
    const run = spawnSync('tshark', [...all, ...format, ...shown], { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (run.error) throw new Error(`tshark can't be run (${run.error.message}); apt-get install tshark brings it.`);
    if (run.status !== 0) throw new Error(`tshark failed: ${run.stderr}`);
    const lines = run.stdout.split('\n').slice(0, -1);
    return lines.map((line) => line.split('|').map((values) => (values === '' ? [] : values.split(';'))));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
