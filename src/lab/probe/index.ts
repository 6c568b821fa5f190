/** Looks at what a card offers and how it negotiates. */
export { bitName, namesOf } from './names.js';
export { negotiateStepByStep, type Negotiated, type Refusal, type Step } from './negotiation.js';
export { brokenRules, describeRule, type BrokenRule } from './rules.js';
export { sweep, type Surprise, type Sweep, type SweepCount, type SweepOptions } from './sweep.js';
export { readTree, type TreeNode } from './tree.js';
