import type { PciDriver } from './pciDriver.js';

const control = { enable: 0x8000, functionMask: 0x4000, tableSize: 0x7ff } as const;

/** What a driver does with MSI-X (PCI 3.0, 6.8.2). Each vector's message has the vector in its data. */
export class MsixDriver {
  private readonly driver: PciDriver;
  private readonly capability: number;

  constructor(driver: PciDriver) {
    if (driver.msixCapability === undefined) throw new Error('the device has no MSI-X capability');
    this.driver = driver;
    this.capability = driver.msixCapability;
  }

  /** Number of table entries. */
  get vectors(): number {
    return (this.control & control.tableSize) + 1;
  }

  get control(): number {
    return this.driver.machine.readConfig(this.capability + 2, 2);
  }

  set control(value: number) {
    this.driver.machine.writeConfig(this.capability + 2, 2, value);
  }

  /** The message of a vector, as the driver sets it. */
  message(vector: number) {
    return { address: 0xfee00000 + 0x1000 * (vector % 4), data: 0x4100 + vector };
  }

  /** Fills in the table, unmasks all of it, and switches MSI-X on. */
  enable(): this {
    for (let vector = 0; vector < this.vectors; vector++) {
      const { address, data } = this.message(vector);
      this.writeEntry(vector, 0, address);
      this.writeEntry(vector, 1, 0);
      this.writeEntry(vector, 2, data);
      this.mask(vector, false);
    }
    this.control = control.enable;
    return this;
  }

  disable(): void {
    this.control = 0;
  }

  maskFunction(masked: boolean): void {
    this.control = control.enable | (masked ? control.functionMask : 0);
  }

  mask(vector: number, masked: boolean): void {
    this.writeEntry(vector, 3, masked ? 1 : 0);
  }

  /** One of the four words of a vector's entry: low address, high address, data, control. */
  writeEntry(vector: number, word: number, value: number): void {
    this.driver.machine.write(this.table + 16 * vector + 4 * word, 4, value);
  }

  readEntry(vector: number, word: number): number {
    return this.driver.machine.read(this.table + 16 * vector + 4 * word, 4);
  }

  pending(vector: number): boolean {
    const word = this.driver.machine.read(this.structure(8) + 4 * Math.floor(vector / 32), 4);
    return ((word >>> (vector % 32)) & 1) === 1;
  }

  /** Vectors of the messages since the last time, in their order. */
  fired(): number[] {
    return this.driver.machine.takeMessages().map(({ data }) => data - 0x4100);
  }

  private get table(): number {
    return this.structure(4);
  }

  /** Where the table or the pending bits lie on the memory bus, from their place in the capability. */
  private structure(register: number): number {
    const value = this.driver.machine.readConfig(this.capability + register, 4);
    return this.driver.machine.mapped[value & 7]! + (value & ~7);
  }
}
