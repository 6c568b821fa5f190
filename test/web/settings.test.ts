import { describe, expect, it } from 'vitest';

import { readSettings } from '../../src/web/settings.js';

const read = (query: string) => readSettings(new URLSearchParams(query));

describe("the page's address", () => {
  it('asks for two guests in workers when it says nothing', () => {
    expect(read('')).toMatchObject({ guests: 2, first: 1, memory: 256, queues: 4, workers: true });
    expect(read('')).toMatchObject({ broadcast: [], relay: [], urls: { kernel: 'guest/vmlinuz' } });
  });

  it('sets what it names', () => {
    const settings = read('guests=1&first=7&workers=0&broadcast=0&broadcast=2&relay=ws://a/&kernel=b&queues=8');
    expect(settings).toMatchObject({ guests: 1, first: 7, workers: false, queues: 8, urls: { kernel: 'b' } });
    expect(settings).toMatchObject({ broadcast: ['0', '2'], relay: ['ws://a/'] });
  });

  it.each([
    ['guests=0', /whole numbers of 1 or more/],
    ['guests=1.5', /whole numbers/],
    ['first=', /whole numbers/],
    ['guests=2&first=254', /from 1 to 254/],
    ['workers=yes', /workers is 1 .* 0/],
  ])('is told what is wrong with %s', (query, message) => {
    expect(() => read(query)).toThrow(message);
  });
});
