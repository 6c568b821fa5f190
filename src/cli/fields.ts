import { PortError } from '../fabric/index.node.js';
import type { PortPlace } from './ports.js';

interface Values {
  readonly number: number;
  readonly text: string;
  /** What may be given more than once. */
  readonly list: readonly string[];
}

type Table = Readonly<Record<string, keyof Values>>;

/** The values that were given. */
export type Fields<T extends Table> = { readonly [K in keyof T]?: Values[T[K]] };

/**
 * A reader of addresses such as name=value,name=value. It answers what makes something of them.
 * @throws PortError for what is not in the table, is there twice, or is needed and missing
 */
export function fields<T extends Table, R>(
  table: T,
  needed: readonly (keyof T & string)[],
  make: (values: Fields<T>, place: PortPlace) => R,
): (text: string) => (place: PortPlace) => R {
  return (text) => {
    const values: Record<string, number | string | string[]> = {};
    for (const part of text === '' ? [] : text.split(',')) {
      const [, name = '', value = ''] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
      const type = Object.hasOwn(table, name) ? table[name] : undefined;
      if (!type) throw new PortError(`it takes ${Object.keys(table).join('=, ')}= with commas; '${part}' is none.`);
      const before = values[name];
      if (type === 'list') values[name] = [...(Array.isArray(before) ? before : []), value];
      else if (before !== undefined) throw new PortError(`${name} is there twice.`);
      else values[name] = type === 'number' ? numberOf(name, value) : value;
    }
    const missing = needed.find((name) => values[name] === undefined);
    if (missing !== undefined) throw new PortError(`it needs ${missing}=.`);
    return (place) => make(values as Fields<T>, place);
  };
}

function numberOf(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new PortError(`${name} is a whole number; '${text}' is none.`);
}
