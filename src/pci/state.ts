import type { NegotiationState } from '../virtio/negotiation.js';
import type { QueueState } from '../virtio/queue.js';
import type { CommonConfigState } from './commonConfig.js';
import type { InterruptState } from './interrupts.js';
import type { MsixState } from './msix.js';

export const stateVersion = 2;

/** Everything that a virtio-pci function keeps, as one plain object. */
export interface VirtioPciState {
  version: number;
  deviceId: number;
  configuration: number[];
  msix: MsixState;
  interrupts: InterruptState;
  negotiation: NegotiationState;
  common: CommonConfigState;
  /** Registers of the legacy interface; absent where there is none. */
  legacy?: number[];
  /** The driver has asked for the device to be suspended, which it is not yet. */
  suspending?: true;
  /** A change of the configuration that the driver of a suspended device has yet to be told of. */
  untold?: true;
  /** By queue index; null where the driver has enabled none. */
  queues: (QueueState | null)[];
  device: unknown;
}

/** @throws RangeError when the state is of another version, or of a device of another kind or size */
export function readState(saved: unknown, deviceId: number, queues: number, transitional: boolean): VirtioPciState {
  const state = saved as Partial<VirtioPciState> | null;
  if (typeof state !== 'object' || state?.version !== stateVersion) {
    throw new RangeError(`the saved state is not one of version ${stateVersion}`);
  }
  if (state.deviceId !== deviceId || state.queues?.length !== queues) {
    throw new RangeError(`the saved state is not that of a virtio device ${deviceId} with ${queues} queues`);
  }
  if ((state.legacy !== undefined) !== transitional) {
    throw new RangeError(`the saved state is that of a device ${transitional ? 'without' : 'with'} a legacy interface`);
  }
  return state as VirtioPciState;
}
