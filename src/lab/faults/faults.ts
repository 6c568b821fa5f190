import { controlFaults } from './control.js';
import { deviceFaults } from './device.js';
import type { Fault } from './fault.js';
import { interruptFaults } from './interrupts.js';
import { negotiationFaults } from './negotiation.js';
import { packetFaults } from './packets.js';
import { usedFaults } from './used.js';

/** Every fault that there is. */
export const faults: readonly Fault[] = [
  ...interruptFaults,
  ...usedFaults,
  ...packetFaults,
  ...controlFaults,
  ...negotiationFaults,
  ...deviceFaults,
];
