import { describe, expect, it } from 'vitest';

import { Nonconformance, Skipped, type Case } from '../../../src/lab/conformance/case.js';
import { count, differs, sideBySide } from '../../../src/lab/conformance/compare.js';
import { comparisonPage } from '../../../src/lab/conformance/comparePage.js';
import { runCases, type CaseResult, type Subject } from '../../../src/lab/conformance/run.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';

function result(id: string, result: CaseResult['result'], seen = `${id} seen`): CaseResult {
  return { case: id, statements: ['net-dev-001', 'net-dev-002'], section: '5.1.4', expected: 'as it is', result, seen };
}

const runs = [
  { target: 'one', results: [result('a', 'pass'), result('b', 'pass'), result('c', 'skip')] },
  { target: 'other', results: [result('a', 'pass', 'x < y & "z"'), result('b', 'fail'), result('c', 'pass')] },
];
const cases = sideBySide(runs);

describe('results side by side', () => {
  it('have each case once, with what came of it on each target', () => {
    expect(cases.map((one) => one.case)).toEqual(['a', 'b', 'c']);
    expect(cases[1]).toEqual({
      case: 'b',
      statements: ['net-dev-001', 'net-dev-002'],
      section: '5.1.4',
      expected: 'as it is',
      results: { one: { result: 'pass', seen: 'b seen' }, other: { result: 'fail', seen: 'b seen' } },
    });
  });

  it('differ where one result is another, and not where other things were seen', () => {
    expect(cases.map(differs)).toEqual([false, true, true]);
  });

  it('are counted by their kind', () => {
    expect(count(runs[0].results)).toEqual({ passed: 2, failed: 0, skipped: 1 });
    expect(count(runs[1].results)).toEqual({ passed: 2, failed: 1, skipped: 0 });
  });
});

describe('the report', () => {
  const page = comparisonPage(cases, ['one', 'other']);
  const rows = page.split('\n').filter((line) => line.startsWith('<tr data-'));

  it('has a row for each case, differing or not, with all that its filter looks at', () => {
    expect(rows).toHaveLength(3);
    expect(rows[1]).toBe(
      '<tr data-text="b 5.1.4 net-dev-001 net-dev-002 as it is b seen b seen" data-chapter="5" data-differs="true" data-results="one:pass other:fail">' +
        '<td>b<small>5.1.4: net-dev-001, net-dev-002</small></td><td>as it is</td>' +
        '<td class="pass"><b>pass</b> b seen</td><td class="fail"><b>fail</b> b seen</td></tr>',
    );
    expect(page).toContain('<p>2 of them have different results.</p>');
  });

  it('shows text as text', () => {
    expect(rows[0]).toContain('<b>pass</b> x &lt; y &amp; &quot;z&quot;');
    expect(page).not.toContain('x < y');
  });

  it('lets one choose a target, a result and a chapter that there is, and looks for words', () => {
    const options = (name: string): string[] => {
      const [, inside] = new RegExp(`<select name="${name}">(.*?)</select>`).exec(page)!;
      return [...inside.matchAll(/<option[^>]*>([^<]*)/g)].map(([, text]) => text);
    };
    expect(options('target')).toEqual(['any', 'one', 'other']);
    expect(options('result')).toEqual(['any', 'pass', 'fail', 'skip']);
    expect(options('chapter')).toEqual(['any', '5 Device types: network card']);
    expect(page).toMatch(/<input name="text" type="search"/);
    expect(page).toMatch(/<input name="differs" type="checkbox"/);
  });

  it('needs nothing but itself, and is dark where the reader wants that', () => {
    expect(page).not.toMatch(/https?:|src=|href=|@import|url\(/);
    expect(page).toContain('color-scheme: light dark');
  });
});

describe('cases played at the same time', () => {
  const one = (id: string, run: Case['run']): Case => ({ id, statements: ['x'], section: '2.1', expects: 'x', run });

  it('have their results in the order of the cases', async () => {
    let running = 0;
    let most = 0;
    const subject: Subject = {
      name: 'ours',
      patience: 100,
      choices: [],
      parallel: 2,
      make: () => Promise.resolve(inProcess()),
    };
    const work = async (answer: () => string): Promise<string> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return answer();
    };
    const results = await runCases(subject, [
      one('first', () => work(() => 'fine')),
      one('second', () =>
        work(() => {
          throw new Nonconformance('not fine');
        }),
      ),
      one('third', () =>
        work(() => {
          throw new Skipped('no way');
        }),
      ),
    ]);
    expect(results.map(({ case: id, result, seen }) => [id, result, seen])).toEqual([
      ['first', 'pass', 'fine'],
      ['second', 'fail', 'not fine'],
      ['third', 'skip', 'no way'],
    ]);
    expect(most).toBe(2);
  });
});
