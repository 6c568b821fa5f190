import type { Case } from './case.js';
import { macFilterCases, receiveModeCases, vlanFilterCases } from './cases/controlFilters.js';
import { statusCases } from './cases/status.js';

/** All cases, in the order of the specification. */
export const allCases: readonly Case[] = [...statusCases, ...receiveModeCases, ...macFilterCases, ...vlanFilterCases];
