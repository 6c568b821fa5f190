import type { Case } from './case.js';
import { announceCases } from './cases/controlAnnounce.js';
import { coalescingCases } from './cases/controlCoalescing.js';
import { macFilterCases, receiveModeCases, vlanFilterCases } from './cases/controlFilters.js';
import { statisticsCases } from './cases/controlStatistics.js';
import { netConfigCases } from './cases/netConfig.js';
import { statusCases } from './cases/status.js';

/** All cases, in the order of the specification. */
export const allCases: readonly Case[] = [
  ...statusCases,
  ...netConfigCases,
  ...receiveModeCases,
  ...macFilterCases,
  ...vlanFilterCases,
  ...announceCases,
  ...coalescingCases,
  ...statisticsCases,
];
