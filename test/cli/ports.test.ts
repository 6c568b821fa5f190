import { describe, expect, it } from 'vitest';
import { openPorts, portWish, type PortPlace } from '../../src/cli/ports.js';
import { Switch } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { UserError } from '../../src/vm/errors.js';

const clock = new ManualClock();
const place: PortPlace = { fabric: new Switch({ clock }), clock, queuePairs: 2, note: () => undefined };

describe('--port', () => {
  it.each([
    ['', "'' is neither"],
    ['vxlan', "'vxlan' is neither"],
    ['toString:x=1', 'is neither'],
    ['vxlan:', "--port 'vxlan:': it needs vni=."],
    ['vxlan:vni=42', 'it needs peer=.'],
    ['vxlan:vni=x,peer=10.0.0.1', "vni is a whole number; 'x' is none."],
    ['vxlan:vni=1,vni=2,peer=10.0.0.1', 'vni is there twice.'],
    ['vxlan:vni=1,peer', "it takes vni=, peer=, local=, port=, mtu= with commas; 'peer' is none."],
    ['vxlan:vni=1,toString=1', "'toString=1' is none."],
  ])('refuses %j', (text, message) => {
    expect(() => portWish(text)).toThrow(UserError);
    expect(() => portWish(text)).toThrow(message);
  });

  it('opens what was asked for, in this order', async () => {
    const first = portWish('vxlan:vni=42,peer=127.0.0.8,peer=127.0.0.9,local=127.0.0.1,port=47892,mtu=1300');
    const ports = await openPorts(portWish('vxlan:vni=43,peer=::2,local=::1,port=47892', first), place);
    expect(ports.map(({ name, mtu }) => [name, mtu])).toEqual([
      ['vxlan 42', 1300],
      ['vxlan 43', 1430],
    ]);
    await Promise.all(ports.map((port) => port.close()));
  });

  it('leaves none open where one can not be', async () => {
    const first = portWish('vxlan:vni=42,peer=127.0.0.8,local=127.0.0.1,port=47893');
    const wishes = portWish('vxlan:vni=43,peer=127.0.0.8,local=192.0.2.99', first);
    const refused = openPorts(wishes, place);
    await expect(refused).rejects.toThrow(UserError);
    await expect(openPorts(wishes, place)).rejects.toThrow(
      "--port 'vxlan:vni=43,peer=127.0.0.8,local=192.0.2.99': 192.0.2.99 is no address of this machine",
    );
    const [port] = await openPorts(first, place);
    await port.close();
  });
});
