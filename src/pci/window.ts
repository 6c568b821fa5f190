import type { AccessWidth } from '../virtio/registers.js';
import type { ConfigurationSpace } from './configurationSpace.js';
import type { BarSpace } from './function.js';

/** What the PCI configuration access capability reaches into. */
interface Windowed {
  readonly config: ConfigurationSpace;
  readonly bars: readonly (BarSpace | undefined)[];
}

/** What a read and a write of the capability's data register do, on the card as it is then. */
export function windowAccess(card: Windowed): { windowRead(): number; windowWrite(value: number): void } {
  return {
    windowRead: () => throughWindow(card, (bar, offset, width) => bar.read(offset, width)),
    windowWrite: (value) => {
      throughWindow(card, (bar, offset, width) => {
        bar.write(offset, width, value);
        return 0;
      });
    },
  };
}

/** An access as the capability's registers say; what the driver may not read or write so reads as zero (4.1.4.9.1). */
function throughWindow(
  { config, bars }: Windowed,
  access: (bar: BarSpace, offset: number, width: AccessWidth) => number,
): number {
  const bar = bars[config.get('window.bar')];
  const offset = config.get('window.offset');
  const width = config.get('window.size');
  const valid = bar && (width === 1 || width === 2 || width === 4) && offset % width === 0 && offset < bar.size;
  return valid ? access(bar, offset, width) : 0;
}
