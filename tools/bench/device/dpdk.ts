import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { queueSize } from './cards.js';

const program = 'dpdk-testpmd';
const prompt = 'testpmd> ';
const patience = 20_000;
/** Bursts of 32 frames that go round. */
const roundBursts = 4;

/** Why DPDK can't be measured here, if it can't. */
export async function dpdkObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'DPDK is for Linux';
  if (cpus().length < 2) return 'testpmd needs two cores';
  if (process.getuid?.() !== 0) return 'testpmd needs root';
  try {
    // It has no option that does nothing; of an unknown one it tells, and ends.
    await promisify(execFile)(program, ['--version'], { timeout: patience });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return `${program} is not installed: apt-get install dpdk-dev librte-net-vhost23 librte-net-virtio23`;
    }
  }
  return undefined;
}

/**
 * DPDK's vhost as the device and its virtio-user as the driver, in one process and worked by one core: frames go round
 * between them, each out by one queue and in by the other.
 */
export class Dpdk {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly folder: string;
  private output = '';
  private ended = false;

  private constructor(process: ChildProcessWithoutNullStreams, folder: string) {
    this.process = process;
    this.folder = folder;
    process.stdout.on('data', (text: Buffer) => (this.output += text.toString()));
    process.stderr.on('data', (text: Buffer) => (this.output += text.toString()));
    process.on('exit', () => (this.ended = true));
  }

  /** @throws Error where testpmd does not do what it is told */
  static async start(frameBytes: number): Promise<Dpdk> {
    const folder = await mkdtemp(join(tmpdir(), 'vmq-dpdk-'));
    const socket = join(folder, 'vhost');
    // It writes its prompt at once, and what it has to tell when a line is full only where it is told to.
    const environment = ['--no-huge', '-m', '512', '--no-pci', '--no-telemetry', '-l', '0,1'];
    const device = ['--file-prefix', `vmq${process.pid}`, '--vdev', `net_vhost0,iface=${socket},queues=1`];
    const options = ['-i', '--nb-cores=1', '--total-num-mbufs=4096'];
    const dpdk = new Dpdk(spawn('stdbuf', ['-oL', program, ...environment, ...device, '--', ...options]), folder);
    try {
      await dpdk.answer();
      await dpdk.command(`port attach net_virtio_user0,path=${socket},queues=1,queue_size=${queueSize}`);
      await dpdk.command('port start 1');
      await dpdk.command('set fwd io');
      await dpdk.command(`set txpkts ${frameBytes}`);
      // The two ends agree on their queues in threads of their own.
      await sleep(500);
      return dpdk;
    } catch (error) {
      await dpdk.close();
      throw error;
    }
  }

  /** Million frames a second that went round: that were sent, and received, by the driver. */
  async round(seconds: number): Promise<number> {
    await this.command(`start tx_first ${roundBursts}`);
    await this.command('show port stats 1');
    await sleep(1000 * seconds);
    const text = await this.command('show port stats 1');
    await this.command('stop');
    const rates = /Rx-pps:\s+(\d+)/.exec(text);
    if (!rates) throw new Error(`testpmd told no rate:\n${text}`);
    return Number(rates[1]) / 1e6;
  }

  async close(): Promise<void> {
    if (!this.ended) {
      this.process.stdin.end('quit\n');
      const timer = setTimeout(() => this.process.kill('SIGKILL'), 5000);
      await once(this.process, 'exit');
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async command(line: string): Promise<string> {
    this.output = '';
    this.process.stdin.write(`${line}\n`);
    return this.answer();
  }

  private async answer(): Promise<string> {
    const end = Date.now() + patience;
    while (!this.output.includes(prompt)) {
      if (this.ended || Date.now() > end) throw new Error(`testpmd did not go on:\n${this.output}`);
      await sleep(2);
    }
    return this.output;
  }
}
