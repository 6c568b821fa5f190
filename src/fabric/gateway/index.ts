export type { Forward, ForwardCounters } from './forwards.js';
export { Gateway, type GatewayCounters } from './gateway.js';
export type { GatewayHost, GatewayOptions } from './options.js';
export { TcpConnection, type TcpFailure, type TcpHandler } from './tcp/connection.js';
export type { Datagram, UdpReceiver } from './udp.js';
