import { execFileSync, spawn } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Capture, Switch } from '../../src/fabric/index.js';
import { openCaptureFile } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/clock.js';
import { gsoType, type Frame } from '../../src/net/link/frame.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { address, TestCard } from '../fabric/card.js';
import { buildPacket, buildTunnelled, packetFrame, tunnels, type BuiltPacket } from '../support/packets.js';
import { dissectFile, followPipe, wireshark } from './wireshark.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'vmq-capture-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A packet from one station to another, whose checksum is still to be filled in. */
function to(station: number, from: number, built: BuiltPacket, asked: Parameters<typeof packetFrame>[1] = {}): Frame {
  built.bytes.set([...address(station), ...address(from)]);
  return packetFrame(built, asked);
}

const payload = Uint8Array.from({ length: 20_001 }, (_, i) => (i * 7 + (i >>> 8)) & 255);
const tcp = (size: number, more = {}) =>
  buildPacket({ version: 4, transport: 'tcp', payload: payload.subarray(0, size), ...more });

describe('tshark and capinfos', () => {
  it('read what several ports saw without a warning: VLANs, jumbo and large frames, drops and their reasons', async () => {
    const file = join(folder, 'all.pcapng');
    const clock = new ManualClock();
    const fabric = new Switch({ clock, backlogFrames: 1, deadline: 1000 });
    const capture = new Capture(await openCaptureFile(file), { clock, date: 1_700_000_000_000 });
    const cards = [1, 2, 3].map((i) => {
      const tap = capture.tap(fabric.addPort(`guest ${i}`), { mac: `52:54:00:00:00:0${i}` });
      return new TestCard(i, 2).plugInto(tap);
    });
    const [a, b, c] = cards;
    for (const card of cards) card.peer!.send(to(255, card.station, tcp(10), { needsChecksum: false }), 0);
    const send = (frame: Frame) => {
      clock.advance(1);
      return a.peer!.send(frame, 1);
    };
    b.offloads = 0;
    send(to(2, 1, tcp(1000)));
    send(to(2, 1, tcp(1000, { vlans: [0x88a8, 0x8100] })));
    send(to(3, 1, tcp(8900), { needsChecksum: false }));
    send(to(3, 1, tcp(20_001), { gso: gsoType.tcp4, gsoSize: 1448 }));
    send(to(2, 1, tcp(2000), { gso: gsoType.tcp4, gsoSize: 1448 }));
    const inner = { version: 6, transport: 'tcp', payload } as const;
    const tunnelled = buildTunnelled(inner, { version: 4, ...tunnels.vxlan, checksum: true });
    send(to(3, 1, tunnelled, { gso: gsoType.tcp6, gsoSize: 1400 }));
    c.buffers.fill(0);
    send(to(3, 1, tcp(30)));
    clock.advance(1000);
    send(to(3, 1, tcp(40)));
    await capture.close();

    const interfaces = wireshark('capinfos', ['-A', file]);
    expect(interfaces.stderr).toBe('');
    expect(interfaces.stdout).toMatch(/Number of interfaces in file: 3/);
    expect(interfaces.stdout).toMatch(/Name = guest 2/);
    expect(interfaces.stdout).toMatch(/Time precision = microseconds/);
    expect(interfaces.stdout).toMatch(/Strict time order: +True/);
    expect(interfaces.stdout).toMatch(/Capture application: virtio-mq/);
    expect(interfaces.stdout).toMatch(/Number of stat entries = 1/);

    const verify = ['ip', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
    const rows = dissectFile(
      file,
      ['frame.interface_name', 'frame.packet_flags_direction', 'frame.interface_queue', 'frame.len', 'frame.comment'],
      verify,
    )
      .slice(9)
      .map((row) => row.with(1, String(Number(row[1]))));
    const partial = 'Checksum not filled in yet: at byte 50, over all from byte 34 on.';
    const late = 'Dropped: the receiver had no room before the deadline.';
    const segments = (size: number) => `Not segmented yet: TCP over IPv4, ${size} bytes each.`;
    const tunnel = [
      'Not segmented yet: TCP over IPv6 in a tunnel, 1400 bytes each.',
      'Checksum not filled in yet: at byte 120, over all from byte 104 on.',
      "Checksum of the tunnel's UDP not filled in yet.",
    ];
    const inOut = (port: number, length: number, ...comments: string[]) => [
      ['guest 1', '1', '1', String(length), comments.join(';')],
      [`guest ${port}`, '2', expect.any(String) as unknown, String(length), comments.join(';')],
    ];
    const expected: unknown[][] = [
      ...inOut(2, 1054, partial),
      ...inOut(2, 1062, partial.replace('50', '58').replace('34', '42')),
      ...inOut(3, 8954),
      ...inOut(3, 20_055, segments(1448), partial),
      ['guest 1', '1', '1', '2054', `${segments(1448)};${partial}`],
      ...[1502, 606].map((length) => ['guest 2', '2', expect.any(String) as unknown, String(length), '']),
      ...inOut(3, tunnelled.bytes.length, ...tunnel),
      ['guest 1', '1', '1', '84', partial],
      ['guest 3', '2', '', '84', `${late};${partial}`],
      ...inOut(3, 94, late, partial),
    ];
    // Whoever can't have a checksum left open got it filled in.
    expected[1][4] = expected[3][4] = '';
    expected.at(-1)![2] = '';
    expect(rows).toEqual(expected);

    const [vlans] = dissectFile(file, ['ieee8021ad.id', 'vlan.id'], ['-Y', 'frame.number == 13']);
    expect(vlans).toEqual(['100', '101']);
    const toB = dissectFile(
      file,
      ['tcp.checksum.status', '_ws.malformed'],
      [...verify, '-Y', 'frame.number in {19, 20}'],
    );
    expect(toB).toEqual([
      ['1', ''],
      ['1', ''],
    ]);
  });

  it('reads a named pipe while the capture goes on; when it goes, so does the capture', async () => {
    const pipe = join(folder, 'live');
    execFileSync('mkfifo', [pipe]);
    let waited = 0;
    const opening = openCaptureFile(pipe, { onWait: () => waited++ });
    while (waited === 0) await sleep(10);
    await sleep(120);
    expect(waited).toBe(1);
    const reader = followPipe(pipe);
    const capture = new Capture(await opening, { clock: systemClock });
    const fabric = new Switch({ clock: systemClock });
    const [a, b] = [1, 2].map((i) => new TestCard(i).plugInto(capture.tap(fabric.addPort(`guest ${i}`))));
    const send = (size: number) => a.peer!.send(to(2, 1, tcp(size), { needsChecksum: false }), 0);
    const lines = async (count: number) => {
      while (reader.lines.length < count) await sleep(20);
      return reader.lines;
    };
    send(100);
    expect(await lines(2)).toEqual(['1\t154', '2\t154']);
    send(200);
    expect(await lines(4)).toEqual(['1\t154', '2\t154', '3\t254', '4\t254']);
    reader.kill();
    await reader.ended;
    while (!capture.failure) {
      send(300);
      await sleep(20);
    }
    expect(capture.failure.message).toMatch(/EPIPE/);
    expect(b.received.length).toBeGreaterThan(2);
    await capture.close();
    expect(capture.counters()[0].missed).toBeGreaterThan(0);
  });

  it('holds up nothing when it stops reading a named pipe', async () => {
    const pipe = join(folder, 'stuck');
    execFileSync('mkfifo', [pipe]);
    // It has the pipe open, and never reads.
    const reader = spawn('sleep', ['60'], {
      stdio: [openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK), 'ignore', 'ignore'],
    });
    const capture = new Capture(await openCaptureFile(pipe), { clock: systemClock, bufferBytes: 1 << 19 });
    const fabric = new Switch({ clock: systemClock });
    const [a] = [1, 2].map((i) => new TestCard(i).plugInto(capture.tap(fabric.addPort(`guest ${i}`))));
    for (let i = 0; i < 200; i++) {
      a.peer!.send(to(2, 1, tcp(20_001), { needsChecksum: false }), 0);
      await sleep(0);
    }
    expect(capture.counters()[0].missed).toBeGreaterThan(100);
    await capture.close(100);
    expect(capture.failure?.message).toBe('its reader did not take all of it within 0.1 s');
    reader.kill();
  });

  it('gives up waiting for the reader of a named pipe when it is told to', async () => {
    const pipe = join(folder, 'lonely');
    execFileSync('mkfifo', [pipe]);
    const controller = new AbortController();
    const opening = openCaptureFile(pipe, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });

  it('has nothing of a capture that was there before', async () => {
    const file = join(folder, 'again.pcapng');
    for (let i = 0; i < 2; i++) {
      await new Capture(await openCaptureFile(file), { clock: systemClock }).close();
      expect(wireshark('capinfos', ['-c', '-M', file]).stdout).toMatch(/Number of packets: +0\n/);
    }
    expect(statSync(file).size).toBeLessThan(200);
    await expect(openCaptureFile(folder)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
