import type { Case } from './case.js';
import { framingCases } from './cases/buffers.js';
import { configurationCases } from './cases/configuration.js';
import { announceCases } from './cases/controlAnnounce.js';
import { coalescingCases } from './cases/controlCoalescing.js';
import { macFilterCases, receiveModeCases, vlanFilterCases } from './cases/controlFilters.js';
import { rssCases } from './cases/controlRss.js';
import { statisticsCases } from './cases/controlStatistics.js';
import { steeringCases } from './cases/controlSteering.js';
import { featureCases } from './cases/features.js';
import { netConfigCases } from './cases/netConfig.js';
import { netHashTunnelCases } from './cases/netHashTunnel.js';
import { netReceiveCases } from './cases/netReceive.js';
import { netReceiveOffloadCases } from './cases/netReceiveOffloads.js';
import { netReceiveTunnelCases } from './cases/netReceiveTunnels.js';
import { netTransmitCases } from './cases/netTransmit.js';
import { packedRingCases } from './cases/packedRing.js';
import { commonCases } from './cases/pciCommon.js';
import { discoveryCases, pciCases } from './cases/pciFunction.js';
import { isrCases } from './cases/pciIsr.js';
import { vectorCases } from './cases/pciMsix.js';
import { notificationCases } from './cases/pciNotify.js';
import { queueRegisterCases } from './cases/pciQueues.js';
import { deviceStructureCases, structureCases } from './cases/pciStructures.js';
import { windowCases } from './cases/pciWindow.js';
import { queueResetCases } from './cases/queueReset.js';
import { reservedFeatureCases } from './cases/reserved.js';
import { availableNotificationCases, usedNotificationCases } from './cases/splitNotifications.js';
import { descriptorTableCases, usedRingCases } from './cases/splitRing.js';
import { resetCases, statusCases } from './cases/status.js';
import { suspendCases } from './cases/suspend.js';

/** All cases, in the order of the specification. */
export const allCases: readonly Case[] = [
  ...statusCases,
  ...featureCases,
  ...resetCases,
  ...configurationCases,
  ...queueResetCases,
  ...suspendCases,
  ...reservedFeatureCases,
  ...framingCases,
  ...descriptorTableCases,
  ...usedNotificationCases,
  ...usedRingCases,
  ...availableNotificationCases,
  ...packedRingCases,
  ...pciCases,
  ...discoveryCases,
  ...structureCases,
  ...commonCases,
  ...queueRegisterCases,
  ...notificationCases,
  ...isrCases,
  ...deviceStructureCases,
  ...windowCases,
  ...vectorCases,
  ...netConfigCases,
  ...netTransmitCases,
  ...netReceiveCases,
  ...netReceiveOffloadCases,
  ...netReceiveTunnelCases,
  ...netHashTunnelCases,
  ...receiveModeCases,
  ...macFilterCases,
  ...vlanFilterCases,
  ...announceCases,
  ...steeringCases,
  ...rssCases,
  ...coalescingCases,
  ...statisticsCases,
];
