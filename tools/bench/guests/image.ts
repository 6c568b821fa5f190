import type { GuestImageOptions } from '../../../src/vm/index.node.js';

/** What the guests of the benchmark have beside the ordinary ones: a web server, and what asks it again and again. */
export const benchImage: GuestImageOptions = {
  packages: {
    lighttpd: { programs: ['lighttpd'], files: ['usr/lib/lighttpd/mod_{indexfile,staticfile}.so'] },
    wrk: { programs: ['wrk'] },
  },
};
