import type { RegisterSpace } from '../../../pci/function.js';
import type { AccessWidth } from '../../../virtio/registers.js';
import type { Findings } from '../findings.js';
import type { Rules } from '../rules.js';
import type { Layout } from '../structures.js';

/** Where the fields of the configuration access capability are (virtio 4.1.4.9). */
const windowField = { bar: 4, offset: 8, length: 12, data: 16, end: 20 } as const;

/** The virtio capabilities in PCI configuration space (virtio 4.1.4.1, 4.1.4.9.2). */
export class ConfigurationSpaceRules implements Rules {
  private readonly findings: Findings;
  private readonly layout: Layout;
  private readonly config: RegisterSpace;

  /** @param config configuration space as nobody watches it */
  constructor(findings: Findings, layout: Layout, config: RegisterSpace) {
    this.findings = findings;
    this.layout = layout;
    this.config = config;
  }

  pciWrite(offset: number, width: AccessWidth): void {
    const { findings, layout } = this;
    const hit = layout.capabilities.find(({ start, end }) => offset < end && start < offset + width);
    findings.check('pci-dri-011', !hit, () => `${width} bytes were written at 0x${offset.toString(16)}`);
    if (this.isData(offset)) this.access();
  }

  /**
   * Who lists all of configuration space, as lspci does, reads the data too. That is no access to a structure: the window
   * then has no length, unless a driver had set one.
   */
  pciRead(offset: number): void {
    if (this.isData(offset) && this.field('length') !== 0) this.access();
  }

  private isData(offset: number): boolean {
    const { window } = this.layout;
    return window !== undefined && offset >= window + windowField.data && offset < window + windowField.end;
  }

  private access(): void {
    const { findings } = this;
    const [bar, offset, length] = [
      this.config.read(this.layout.window! + windowField.bar, 1),
      this.field('offset'),
      this.field('length'),
    ];
    const seen = (): string => `${length} bytes at 0x${offset.toString(16)} of BAR ${bar}`;
    const aligned = length !== 0 && offset % length === 0;
    findings.check('pci-dri-023', aligned, seen);
    findings.check('pci-dri-024', aligned, seen);
    const structure = this.layout.structures.find(
      (one) => one.bar === bar && offset >= one.offset && offset + length <= one.offset + one.length,
    );
    findings.check('pci-dri-025', structure !== undefined && [1, 2, 4].includes(length), seen);
  }

  private field(name: 'offset' | 'length'): number {
    return this.config.read(this.layout.window! + windowField[name], 4);
  }
}
