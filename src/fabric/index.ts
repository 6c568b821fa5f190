export { connect, Sent, type Port } from '../net/link/port.js';
export { Frame } from '../net/link/frame.js';
export type { Clock } from '../virtio/clock.js';
export type { FabricLaneCounters, FabricPortCounters, PortLosses } from './counters.js';
export {
  Capture,
  type CaptureCounters,
  type CaptureOptions,
  type CaptureSink,
  type TapOptions,
} from './capture/capture.js';
export { MergedCapture, type CaptureInput } from './capture/merge.js';
export { CaptureOutbox } from './capture/outbox.js';
export { ConditionedLink, type LinkCounters } from './conditions/conditionedLink.js';
export { linkRanges, linkSettings, type LinkConditions } from './conditions/options.js';
export type { LinkLaneCounters } from './conditions/way.js';
export * from './gateway/index.js';
export { PortError } from './portError.js';
export {
  VxlanPort,
  type DatagramReceiver,
  type Datagrams,
  type Endpoint,
  type VxlanCounters,
  type VxlanOptions,
} from './vxlan.js';
export { Loopback } from './loopback.js';
export { Switch, type SwitchCounters, type SwitchOptions } from './switch.js';
export { SwitchPort, type SwitchPortOptions } from './switchPort.js';
export * from './shared/index.js';
export {
  BroadcastPort,
  inBrowserChannel,
  type BroadcastChannelLike,
  type BroadcastPortOptions,
} from './wire/broadcast.js';
export { type ConnectionCounters, type Fabric } from './wire/connections.js';
export type { ReconnectOptions } from './wire/reconnect.js';
export { RelayClient, type RelayClientOptions } from './wire/relayClient.js';
export type { WebSocketLike } from './wire/webSocket.js';
export type { ServerEvent, WireEvent } from './wire/wireEvent.js';
export { WirePort, type Wire, type WireCounters, type WireLimits } from './wire/wirePort.js';
