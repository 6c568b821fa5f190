import type { Identity } from './configurationSpace.js';
import {
  classCodes,
  modernDeviceIdBase,
  modernRevision,
  otherClassCode,
  transitionalDeviceIds,
  transitionalRevision,
  virtioVendorId,
} from './ids.js';

/**
 * What the header of a virtio device's PCI function says that it is (virtio 4.1.2).
 * @throws RangeError for a transitional device of a kind that is younger than virtio 1.0
 */
export function identityOf(virtioId: number, transitional: boolean): Identity {
  const common = {
    vendorId: virtioVendorId,
    classCode: classCodes[virtioId] ?? otherClassCode,
    subsystemVendorId: virtioVendorId,
  };
  if (!transitional) {
    const deviceId = modernDeviceIdBase + virtioId;
    return { ...common, deviceId, revision: modernRevision, subsystemId: deviceId };
  }
  const deviceId = transitionalDeviceIds[virtioId];
  if (deviceId === undefined) throw new RangeError(`no transitional device has the virtio device id ${virtioId}`);
  return { ...common, deviceId, revision: transitionalRevision, subsystemId: virtioId };
}
