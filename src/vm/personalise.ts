import { reseedProgram } from './reseed.js';
import { printfArgument } from './shellText.js';

/** How many random bytes a guest gets of its host. */
export const entropyBytes = 32;

/** What makes a guest itself, and not the copy of another that a snapshot is. */
export interface Identity {
  /** Letters, digits and hyphens. */
  readonly hostname: string;
  /** Seconds since 1970, UTC. */
  readonly time: number;
  readonly entropy: Uint8Array;
}

const program = '/tmp/.vmq-reseed';

/** A shell command that puts the program which `personaliseCommand` calls into the guest; done once, before a snapshot. */
export const prepareCommand = `
exec >/dev/null 2>&1
printf %b '${printfArgument(reseedProgram())}' >${program} && chmod 700 ${program}`;

/** A shell command that gives a guest its identity. Where the guest lacks a tool for a part, the others are still done. */
export function personaliseCommand({ hostname, time, entropy }: Identity): string {
  return `
exec >/dev/null 2>&1
echo ${hostname} >/proc/sys/kernel/hostname
printf %b '${printfArgument(entropy)}' >/dev/urandom
[ -x ${program} ] && ${program}
date -u -s @${Math.round(time)}`;
}
