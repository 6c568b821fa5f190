import { UserError } from '../errors.js';

/** What was asked of the mirror, for messages. */
export interface AptRequest {
  readonly mirror: string;
  readonly suite: string;
}

/** What apt says when something is wrong, and the sentence for it. The first that matches counts. */
const sentences: readonly [RegExp, (request: AptRequest, detail: string) => string][] = [
  [
    /resolv|could not connect|cannot initiate|connection (?:failed|refused|timed out|reset)|timed out|unreachable|no route/i,
    ({ mirror }, detail) =>
      `The Debian mirror ${mirror} cannot be reached (${detail}); check the network, or name another mirror with --mirror URL.`,
  ],
  [
    /^Failed to fetch \S+\s+(?!404)[45]\d\d\b/,
    ({ mirror, suite }, detail) =>
      `The Debian mirror ${mirror} does not give out its suite ${suite} (${detail}); name another mirror with --mirror URL.`,
  ],
  [
    /NO_PUBKEY|is not signed|signatures? (?:couldn't|were invalid)|signed file isn't valid/i,
    ({ mirror, suite }, detail) =>
      `The suite ${suite} of ${mirror} is not signed with Debian's keys (${detail}); update the package debian-archive-keyring, or name another mirror with --mirror URL.`,
  ],
  [
    /does not have a Release file|404 +Not Found|File not found/i,
    ({ mirror, suite }) =>
      `The Debian mirror ${mirror} has no suite ${suite}; suites with kernels for i386 are bookworm and bullseye.`,
  ],
  [
    /No space left on device|write error/i,
    (_, detail) => `The disk is full (${detail}); free some space, or put the cache elsewhere with VMQ_CACHE.`,
  ],
];

/** The lines in which apt says what went wrong, without their marks. */
function complaints(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => /^\s*(?:[EW]:|Err:)/.test(line))
    .map((line) => line.replace(/^\s*[EW]:\s*/, '').trim());
}

/** Turns apt's complaints into one sentence for the person who asked. */
export function aptFailure(stderr: string, request: AptRequest): UserError {
  const said = complaints(stderr);
  for (const [pattern, sentence] of sentences) {
    const line = said.find((complaint) => pattern.test(complaint));
    if (line !== undefined) return new UserError(sentence(request, line.replace(/^Failed to fetch \S+\s+/, '')));
  }
  return new UserError(
    `apt failed with the suite ${request.suite} of ${request.mirror}: ${said[0] ?? (stderr.trim() || 'it gave no reason')}`,
  );
}
