import type { Case } from './case.js';
import { announceCases } from './cases/controlAnnounce.js';
import { coalescingCases } from './cases/controlCoalescing.js';
import { macFilterCases, receiveModeCases, vlanFilterCases } from './cases/controlFilters.js';
import { statisticsCases } from './cases/controlStatistics.js';
import { netConfigCases } from './cases/netConfig.js';
import { configurationCases } from './cases/configuration.js';
import { featureCases } from './cases/features.js';
import { queueResetCases } from './cases/queueReset.js';
import { reservedFeatureCases } from './cases/reserved.js';
import { resetCases, statusCases } from './cases/status.js';

/** All cases, in the order of the specification. */
export const allCases: readonly Case[] = [
  ...statusCases,
  ...featureCases,
  ...resetCases,
  ...configurationCases,
  ...queueResetCases,
  ...reservedFeatureCases,
  ...netConfigCases,
  ...receiveModeCases,
  ...macFilterCases,
  ...vlanFilterCases,
  ...announceCases,
  ...coalescingCases,
  ...statisticsCases,
];
