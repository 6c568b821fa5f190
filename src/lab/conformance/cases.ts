import type { Case } from './case.js';
import { statusCases } from './cases/status.js';

/** All cases, in the order of the specification. */
export const allCases: readonly Case[] = [...statusCases];
