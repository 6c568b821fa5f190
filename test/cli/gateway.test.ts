import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { forwardWish, gatewayPort, type GatewayReport, type GatewaySettings } from '../../src/cli/gateway.js';
import { GuestNumbers } from '../../src/cli/guestNumbers.js';
import { bootSettings, type BootOptions } from '../../src/cli/program.js';
import type { OuterPort } from '../../src/cli/ports.js';
import { Switch } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { UserError } from '../../src/vm/errors.js';

const clock = new ManualClock();

function settings(options: Partial<GatewaySettings> = {}): GatewaySettings {
  return { address: undefined, forwards: [], guests: new GuestNumbers(2), mtu: undefined, ...options };
}

function open(options: Partial<GatewaySettings> = {}, notes: string[] = []): Promise<OuterPort> {
  const note = (text: string): void => void notes.push(text);
  return gatewayPort(settings(options))({ fabric: new Switch({ clock }), clock, queuePairs: 1, note });
}

describe('--forward', () => {
  it.each([
    ['8080:1:80', { host: undefined, port: 8080, guest: 1, guestPort: 80, protocol: 'tcp' }],
    ['8080:1:80/tcp', { host: undefined, port: 8080, guest: 1, guestPort: 80, protocol: 'tcp' }],
    ['0.0.0.0:53:2:5353/udp', { host: '0.0.0.0', port: 53, guest: 2, guestPort: 5353, protocol: 'udp' }],
    ['[::1]:53:2:5353/udp', { host: '::1', port: 53, guest: 2, guestPort: 5353, protocol: 'udp' }],
  ])('reads %s', (text, wish) => {
    expect(forwardWish(text)).toEqual([{ text, ...wish }]);
  });

  it.each([
    '',
    '80',
    '8080:80',
    '8080:1:80/sctp',
    '0:1:80',
    '70000:1:80',
    '8080:1:0',
    'host:1:1:1',
    '[::1:1:1:1',
    '1:1:1:1:1',
  ])('refuses %j in a sentence', (text) => {
    expect(() => forwardWish(text)).toThrow(UserError);
    expect(() => forwardWish(text)).toThrow(`such as 8080:1:80; '${text}' is not like that.`);
  });

  it('goes to guests that there are', () => {
    expect(() => gatewayPort(settings({ forwards: forwardWish('8080:3:80') }))).toThrow(
      new UserError('--forward 8080:3:80 is for guest 3, but the guests are 1 to 2; --guests makes more.'),
    );
  });

  it('says what leads where, and which port is in use, and leaves none open then', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const other = (free.address() as AddressInfo).port;
    free.close();
    const forwards = forwardWish(`${port}:1:80`, forwardWish(`${other}:2:22`));
    const notes: string[] = [];
    const opening = open({ forwards }, notes);
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(
      `--forward ${port}:1:80: TCP port ${port} of 127.0.0.1 is in use; give another.`,
    );
    expect(notes).toEqual([`TCP to 127.0.0.1:${other} goes to port 22 of guest 2.`]);
    server.close();
    await (await open({ forwards })).close();
  });
});

describe('--gateway', () => {
  it.each([
    [new GuestNumbers(2), undefined, '10.0.0.254'],
    [new GuestNumbers(2), '10.0.0.3', '10.0.0.3'],
    [new GuestNumbers(2, 253), undefined, '10.0.0.252'],
    [new GuestNumbers(253, 1), undefined, '10.0.0.254'],
  ])('of guests %j with %j is at %s', async (guests, asked, address) => {
    const port = await open({ guests, address: asked });
    expect(port.guestCommand).toContain(`nameserver ${address}\\n`);
    expect(port.counters()).toMatchObject({ name: 'gateway', address, forwards: [], dhcp: { leases: 0 } });
    expect(port.lines!()).toEqual([`Gateway ${address}: 0 leases, 0 names asked for, 0 pings, dropped: none`]);
    await port.close();
  });

  it.each([
    ['10.0.0.2', "10.0.0.2 is guest 2's"],
    ['10.0.0.255', "--gateway takes an address of the guests' network, such as 10.0.0.254; '10.0.0.255' is none."],
    ['10.0.0.0', "'10.0.0.0' is none."],
    ['10.0.1.1', "'10.0.1.1' is none."],
    ['here', "'here' is none."],
  ])('refuses %s', (address, message) => {
    expect(() => gatewayPort(settings({ address }))).toThrow(UserError);
    expect(() => gatewayPort(settings({ address }))).toThrow(message);
  });

  it('needs an address that no guest has', () => {
    expect(() => gatewayPort(settings({ guests: new GuestNumbers(254) }))).toThrow(UserError);
  });

  it('tells what passed each forward', async () => {
    const port = await open({ forwards: forwardWish('34567:1:80/udp', forwardWish('34567:1:80')) });
    expect((port.counters() as GatewayReport).forwards).toMatchObject([{ protocol: 'tcp' }, { protocol: 'udp' }]);
    expect(port.lines!().slice(1)).toEqual([
      'tcp 127.0.0.1:34567 to 10.0.0.1:80: 0 connections, 0 bytes there and 0 back',
      'udp 127.0.0.1:34567 to 10.0.0.1:80: 0 senders, 0 bytes there and 0 back',
    ]);
    await port.close();
  });

  it('is one of the ways out, with the switch', () => {
    const options: BootOptions = { guests: 2, queues: 1, backend: 'switch', timeout: 1 };
    expect(bootSettings(options).network.ports).toBeUndefined();
    expect(bootSettings({ ...options, gateway: true }).network.ports).toHaveLength(1);
    expect(bootSettings({ ...options, forward: forwardWish('8080:1:80') }).network.ports).toHaveLength(1);
    expect(() => bootSettings({ ...options, backend: 'loopback', gateway: true })).toThrow(
      '--gateway needs the switch',
    );
    expect(() => bootSettings({ ...options, backend: 'loopback', forward: forwardWish('1:1:1') })).toThrow(
      '--forward needs the switch; leave out --backend loopback.',
    );
  });
});
