import { UserError } from '../vm/index.node.js';
import { similarNames } from './similar.js';

/** A feature's name without its prefix: MQ. */
export function shortName(name: string): string {
  return name.replace(/^VIRTIO_(NET_)?F_/, '');
}

/** Features as people name them: with or without the prefix, in any case. */
export class FeatureNames<T> {
  private readonly byShortName: ReadonlyMap<string, T>;
  private readonly otherwise: string;

  /** @param otherwise what helps somebody whose name is like none */
  constructor(features: Iterable<readonly [name: string, value: T]>, otherwise: string) {
    this.byShortName = new Map([...features].map(([name, value]) => [shortName(name), value]));
    this.otherwise = otherwise;
  }

  /** @throws UserError when no feature has this name; `option` is whose value has it */
  find(option: string, given: string): T {
    const wanted = shortName(given.toUpperCase());
    const found = this.byShortName.get(wanted);
    if (found !== undefined) return found;
    const meant = similarNames(wanted, [...this.byShortName.keys()]);
    const hint = meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : this.otherwise;
    throw new UserError(`--${option}: no feature is called '${given}'; ${hint}`);
  }
}

/**
 * Reads a list of names, each with + (true) or - (false) before it and commas between.
 * @throws UserError for what is no such list
 */
export function signedNames(option: string, text: string): { readonly name: string; readonly on: boolean }[] {
  return text.split(',').map((item) => {
    const [, sign, name] = /^\s*([+-])\s*(\S+)\s*$/.exec(item) ?? [];
    if (name !== undefined) return { name, on: sign === '+' };
    throw new UserError(
      `--${option} takes names, each with + or - before it and commas between; '${item}' is not one.`,
    );
  });
}
