export { PortError } from './portError.js';
export { openTap, TapPort, type TapCounters, type TapOptions } from './tap/tap.node.js';
export { openVxlan, type OpenVxlanOptions } from './vxlan.node.js';
export { openCaptureFile, openCaptureOutput, type OpenCaptureOptions } from './capture/captureFile.node.js';
export { openRelay } from './wire/relayClient.node.js';
export { RelayServer, type RelayServerOptions } from './wire/relayServer.node.js';
export { parseStreamAddress, streamAddressText, type StreamAddress } from './wire/streamAddress.node.js';
export { StreamClient, type StreamClientOptions } from './wire/streamClient.node.js';
export { StreamServer, type StreamServerOptions } from './wire/streamServer.node.js';
