export { execute, stepNames, type Execution } from './execute.js';
export { inputText, parseInput, parseInputs, type Input, type Step } from './input.js';
export { mutate, pick, randomStep, shrink, type Chance } from './mutate.js';
