import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect, Gateway, type Forward } from '../../src/fabric/index.js';
import { openForward } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import type { GatewayReport } from '../../src/cli/gateway.js';
import type { Report } from '../../src/cli/report.js';
import { InstalledCommand } from '../cli/installed.js';
import { freePort } from '../ports/freePort.js';
import { listening, startNetwork, type Network } from './network.js';
import { noProperties } from '../support/noProperties.js';

const run = promisify(execFile);
const mebibytes = 4;
const address = '10.0.0.254';

/** What busybox's client runs when it has a lease: what Debian's own script does, in short. */
const leaseScript = `#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ifconfig $interface $ip netmask $subnet broadcast $broadcast
ip route replace default via $router
printf 'search %s\\nnameserver %s\\n' "$domain" "$dns" >/etc/resolv.conf
echo "$ip $lease $router" >/tmp/lease`;

let network: Network;
let gateway: Gateway;
let folder: string;
const forwards: Forward[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-gateway-'));
  network = await startNetwork({ count: 2 });
  const [, second] = network.cards;
  const hosts = [{ address: '10.0.0.2', mac: second.device.mac, names: ['guest2'] }];
  gateway = new Gateway({ clock: systemClock, address: `${address}/24`, hosts });
  connect(gateway, network.fabric.addPort('gateway'));
  const page = 'mkdir -p /www/cgi-bin && cd /www && echo guest 2 >index.html && httpd -h /www';
  const program = "printf '#!/bin/sh\\necho; echo; sha256sum\\n' >cgi-bin/hash && chmod +x cgi-bin/hash";
  await network.ok(2, `${page} && ${program} && head -c ${mebibytes << 20} /dev/urandom >large`);
  await network.ok(1, `cat >/tmp/lease.sh <<'END'\n${leaseScript}\nEND\nchmod +x /tmp/lease.sh`);
});
afterAll(async () => {
  await Promise.all(forwards.map((forward) => forward.close()));
  gateway?.close();
  await network?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function forward(protocol: 'tcp' | 'udp', toPort: number): Promise<Forward> {
  const opened = await openForward(gateway, { protocol, port: 0, to: '10.0.0.2', toPort });
  forwards.push(opened);
  return opened;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a gateway and Debian guests', () => {
  it("gives busybox's client an address, a name server and a name", async () => {
    await network.ok(1, 'ifconfig eth0 0.0.0.0 && udhcpc -i eth0 -n -q -f -s /tmp/lease.sh -x hostname:web 2>&1');
    expect(await network.ok(1, 'cat /tmp/lease')).toMatch(/^10\.0\.0\.253 3600 10\.0\.0\.254/);
    expect(await network.ok(1, 'cat /etc/resolv.conf')).toMatch(/search internal\r?\nnameserver 10\.0\.0\.254/);
    expect(gateway.counters().dhcp).toMatchObject({ leases: 1, offers: 1, acknowledged: 1 });
  });

  it('gives a station that it knows its own address', async () => {
    await network.ok(2, `printf '#!/bin/sh\\n[ $1 = bound ] && echo $ip >/tmp/ip; exit 0' >/tmp/s && chmod +x /tmp/s`);
    await network.ok(2, 'udhcpc -i eth0 -n -q -f -s /tmp/s 2>&1');
    expect(await network.ok(2, 'cat /tmp/ip')).toMatch(/^10\.0\.0\.2\s*$/);
  });

  it('answers pings', async () => {
    const output = await network.ok(1, `ping -c 5 -i 0.2 -s 1400 ${address}`);
    expect(output).toMatch(/5 packets received, 0% packet loss/);
    // Larger than the MTU, both ways.
    const large = await network.ok(1, `ping -c 2 -i 0.2 -s 20000 ${address}`);
    expect(large).toMatch(/2 packets received, 0% packet loss/);
  });

  it('knows names, and addresses by name, and no others', async () => {
    expect(await network.ok(1, 'nslookup guest2')).toMatch(/Address.*: 10\.0\.0\.2\s/);
    expect(await network.ok(1, 'nslookup 10.0.0.2')).toContain('guest2.internal');
    expect(await network.ok(1, 'nslookup web.internal')).toMatch(/Address.*: 10\.0\.0\.253\s/);
    expect(await network.status(1, 'nslookup debian.org')).not.toBe(0);
  });

  it('has one guest find the other by name', async () => {
    expect(await network.ok(1, 'wget -q -O - http://guest2/')).toMatch(/^guest 2\s*$/);
  });

  it('refuses what leads elsewhere at once', async () => {
    expect(await network.status(1, 'timeout 20 wget -q -O - http://192.0.2.1/ 2>/tmp/error')).toBe(1);
    expect(await network.ok(1, 'cat /tmp/error')).toMatch(/unreachable/i);
  });

  it("carries a large file from a guest's server to curl, and another the other way", async () => {
    const { from } = await forward('tcp', 80);
    const file = join(folder, 'file');
    const began = performance.now();
    await run('curl', ['--silent', '--fail', '--output', file, `http://${from}/large`]);
    const seconds = (performance.now() - began) / 1000;
    const bytes = await readFile(file);
    expect(bytes.length).toBe(mebibytes << 20);
    expect(await network.ok(2, 'sha256sum /www/large')).toContain(sha256(bytes));

    const upload = randomBytes(mebibytes << 20);
    await writeFile(file, upload);
    const again = performance.now();
    const post = ['--silent', '--fail', '-H', 'Expect:', '--data-binary', `@${file}`, `http://${from}/cgi-bin/hash`];
    const { stdout } = await run('curl', post);
    expect(stdout).toContain(sha256(upload));
    const { tcp, dropped } = gateway.counters();
    console.log(
      `${mebibytes} MiB: ${seconds.toFixed(2)} s out, ${((performance.now() - again) / 1000).toFixed(2)} s in`,
    );
    expect(Object.keys(dropped).filter((reason) => reason !== 'unreachable' && reason !== 'protocol')).toEqual([]);
    expect(tcp).toMatchObject({ dialled: 2, failed: noProperties });
  });

  it('tells curl at once that nobody serves a port', async () => {
    const { from } = await forward('tcp', 81);
    await expect(run('curl', ['--silent', '--max-time', '20', `http://${from}/`])).rejects.toSatisfy(
      // The reset may come while curl still connects.
      ({ code }: { code: number }) => code === 56 || code === 7,
    );
  });

  it('carries datagrams to a guest and back', async () => {
    await network.ok(
      2,
      `rm -f /tmp/echo; mkfifo /tmp/echo; (nc -u -l -p 7000 <>/tmp/echo >&0 2>/dev/null &); ${listening(7000, 'udp')}`,
    );
    const { from } = await forward('udp', 7000);
    const socket = createSocket('udp4');
    const messages = ['first', 'second', 'x'.repeat(3000)];
    const answers: string[] = [];
    for (const message of messages) {
      socket.send(message, Number(from.split(':')[1]), '127.0.0.1');
      const [bytes] = (await once(socket, 'message')) as [Buffer];
      answers.push(bytes.toString());
    }
    socket.close();
    expect(answers).toEqual(messages);
  });
});

describe('vmq boot --forward', () => {
  it("leads from this machine to a guest's server, and has guests know each other by name", async () => {
    const vmq = await InstalledCommand.create();
    const port = await freePort();
    const program = "printf '#!/bin/sh\\necho; echo; hostname; touch /tmp/asked$QUERY_STRING\\n' >/www/cgi-bin/name";
    const commands = [
      `2:mkdir -p /www/cgi-bin && ${program} && chmod +x /www/cgi-bin/name && httpd -h /www`,
      'wget -q -O - http://guest2/cgi-bin/name && ping -c 3 gateway',
      '2:i=0; until [ -e /tmp/askedByHost ] || [ $((i += 1)) = 600 ]; do sleep 0.1; done; sleep 0.5',
    ];
    const boot = ['boot', '--json', '--queues', '1', '--forward', `${port}:2:80`];
    const running = vmq.run([...boot, ...commands.flatMap((command) => ['--exec', command])]);
    let ended = false;
    void running.then(() => (ended = true));
    const name = /^vm2$/m;
    let answer = '';
    // Until the guest's server is there, nobody is, and curl fails.
    while (!ended && !name.test(answer)) {
      answer = await run('curl', ['--silent', '--max-time', '5', `http://127.0.0.1:${port}/cgi-bin/name?ByHost`]).then(
        ({ stdout }) => stdout,
        () => '',
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const { status, stdout, stderr } = await running;
    await vmq.remove();
    expect(answer).toMatch(name);
    expect(stderr).toContain(`TCP to 127.0.0.1:${port} goes to port 80 of guest 2.`);
    expect(status).toBe(0);
    const { runs, ports } = JSON.parse(stdout) as Report;
    expect(runs[1].stdout).toMatch(/^vm2\r?$/m);
    expect(runs[1].stdout).toContain('3 packets received, 0% packet loss');
    const [gateway] = ports as GatewayReport[];
    expect(gateway).toMatchObject({ name: 'gateway', address, echoes: 3, forwards: [{ protocol: 'tcp' }] });
    expect(gateway.forwards[0].fromStationBytes).toBeGreaterThan(0);
  });
});
