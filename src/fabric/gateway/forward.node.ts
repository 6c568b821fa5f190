import { obstacle } from '../obstacle.node.js';
import { PortError } from '../portError.js';
import type { Forward } from './forwards.js';
import type { Gateway } from './gateway.js';
import { TcpForward } from './tcpForward.node.js';
import { UdpForward } from './udpForward.node.js';

/** What is passed on from this machine to a station. */
export interface ForwardOptions {
  protocol: 'tcp' | 'udp';
  /** The IPv4 or IPv6 address to listen at; default 127.0.0.1, which only this machine reaches. */
  host?: string;
  /** The port there; 0 is any that is free. */
  port: number;
  /** Where it goes to: a station's IPv4 address and port. */
  to: string;
  toPort: number;
}

/**
 * Passes on what comes to a port of this machine, to a station behind a gateway: the station sees it come from the gateway.
 * A connection has the gateway's two buffers and those of its socket, and is held up where they are full. A forward of UDP
 * keeps 256 senders apart, and forgets the one that was silent for longest when there is another.
 * @throws PortError where the address or port makes no sense, or can't be listened at
 */
export async function openForward(gateway: Gateway, options: ForwardOptions): Promise<Forward> {
  const { protocol, host = '127.0.0.1', port, to, toPort } = options;
  gateway.checkStation(to);
  for (const [number, least] of [
    [port, 0],
    [toPort, 1],
  ]) {
    if (!Number.isInteger(number) || number < least || number > 65_535) {
      throw new PortError(`${number} is no port; it must be a whole number from ${least} to 65535.`);
    }
  }
  const forward = protocol === 'tcp' ? new TcpForward(gateway, to, toPort) : new UdpForward(gateway, to, toPort, host);
  try {
    await forward.listen(host, port);
  } catch (error) {
    throw new PortError(obstacle(error, `${protocol.toUpperCase()} port ${port} of ${host}`, host));
  }
  return forward;
}
