import { conditionText, faults, type Condition } from '../../src/lab/faults/index.js';
import { outcomes, type FaultResult, type Outcome } from './linux.js';
import { scenarios } from './scenarios.js';

/** The page about the results. */
export function page(results: readonly FaultResult[]): string {
  const kernels = [...new Set(results.map(({ kernel }) => kernel))].join(', ');
  const rows = faults.flatMap(({ name, does }) => {
    const result = results.find(({ fault }) => fault === name);
    return result ? [row(does, result)] : [];
  });
  return `# What Linux does with a card that misbehaves

Each fault of \`vmq faults\` was tried on Debian's kernel ${kernels}: one guest with a card of two queue pairs that has the
fault, another with one that has none, and ping and TCP between them. What was looked for is whether packets go on:
by themselves, after \`ip link set eth0 down\` and \`up\`, after the driver was unbound and bound again, or after that once
the fault had ended.

\`npm run faults:linux\` does it again and writes this page; \`npm run faults:linux -- gone mac-zero\` tries these alone.
One fault by hand: \`npx vmq boot --fault interrupt-lost@guest=1,queue=input.0,after=20,times=1\`.

| outcome | meaning | faults |
| --- | --- | --- |
${summary(results)}

| fault | the device … | when | happened | outcome | what the kernel said |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

## Why

${notes(results).join('\n')}
`;
}

function summary(results: readonly FaultResult[]): string {
  const names = Object.keys(outcomes) as Outcome[];
  const count = (name: Outcome): number => results.filter(({ outcome }) => outcome === name).length;
  return names
    .filter((name) => count(name) > 0)
    .map((name) => `| ${name} | ${outcomes[name]} | ${count(name)} |`)
    .join('\n');
}

function notes(results: readonly FaultResult[]): string[] {
  const tried = scenarios.filter(({ fault }) => results.some((result) => result.fault === fault));
  return tried.flatMap(({ fault, note }) => (note ? [`- \`${fault}\`: ${note}`] : []));
}

function row(does: string, { fault, when, happened, outcome, hung, messages }: FaultResult): string {
  const said = messages.map((line) => `\`${line.replaceAll('`', "'").replaceAll('|', '\\|')}\``).join('<br>');
  const what = hung ? `${outcome}: ${hung}` : outcome;
  const cells = [`\`${fault}\``, does.replaceAll('|', '\\|'), whenText(when), happened, what, said || 'nothing'];
  return `| ${cells.join(' | ')} |`;
}

function whenText(when: Condition): string {
  const said = conditionText(when);
  return said === '' ? 'always' : `\`${said}\``;
}
