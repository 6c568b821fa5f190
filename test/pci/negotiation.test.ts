import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feature, newCard } from '../support/netDriver.js';
import { PciDriver, status } from '../support/pciDriver.js';

const { acknowledge, driver: driverBit, driverOk, featuresOk, failed, needsReset } = status;

function newDriver() {
  const parts = newCard();
  const negotiated: { accepted: readonly string[]; refusal: string | undefined }[] = [];
  parts.pci.onNegotiated.on(({ accepted, refusal }) => negotiated.push({ accepted, refusal }));
  return { ...parts, negotiated, driver: new PciDriver(parts.machine) };
}

describe('FEATURES_OK', () => {
  it('is taken for all that is offered, and for any subset that holds together', () => {
    const { driver, negotiated } = newDriver();
    expect(driver.negotiate(driver.offered())).toBe(true);
    expect(driver.negotiate(feature.version1)).toBe(true);
    expect(driver.negotiate(feature.version1 | feature.controlQueue | feature.multiqueue)).toBe(true);
    expect(negotiated.at(-1)).toEqual({
      accepted: ['VIRTIO_NET_F_CTRL_VQ', 'VIRTIO_NET_F_MQ', 'VIRTIO_F_VERSION_1'],
      refusal: undefined,
    });
  });

  type Refused = [what: string, features: bigint, rule: string, reason: string];
  const refusals: Refused[] = [
    ['what was not offered', feature.version1 | (1n << 6n), 'feature-not-offered', 'VIRTIO_NET_F_GSO was not offered'],
    ['what nobody knows', feature.version1 | (1n << 45n), 'feature-not-offered', 'bit 45 was not offered'],
    [
      'multiqueue without the control queue (5.1.3.1)',
      feature.version1 | feature.multiqueue,
      'feature-dependency',
      'VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ',
    ],
    [
      'a changeable address without the control queue (5.1.3.1)',
      feature.version1 | feature.controlMac,
      'feature-dependency',
      'VIRTIO_NET_F_CTRL_MAC_ADDR needs VIRTIO_NET_F_CTRL_VQ',
    ],
    ...(['CTRL_RX', 'CTRL_VLAN', 'CTRL_RX_EXTRA', 'GUEST_ANNOUNCE'] as const).map((name, index): Refused => [
      `${name} without the control queue (5.1.3.1)`,
      feature.version1 | (1n << BigInt(18 + index)),
      'feature-dependency',
      `VIRTIO_NET_F_${name} needs VIRTIO_NET_F_CTRL_VQ`,
    ]),
    [
      'anything without VERSION_1 (6.2)',
      feature.mac,
      'feature-dependency',
      'a driver of the modern interface accepts VIRTIO_F_VERSION_1',
    ],
    ['nothing at all', 0n, 'feature-dependency', 'a driver of the modern interface accepts VIRTIO_F_VERSION_1'],
  ];
  for (const [what, features, rule, reason] of refusals) {
    it(`is refused for ${what}, and the next try may succeed`, () => {
      const { driver, faults, negotiated } = newDriver();
      expect(driver.negotiate(features)).toBe(false);
      expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit);
      expect(faults).toMatchObject([
        { needsReset: false, fault: { rule, message: expect.stringContaining(reason) as string } },
      ]);
      expect(negotiated.at(-1)?.refusal).toBe(reason);
      driver.accept(feature.version1);
      driver.addStatus(featuresOk);
      expect(driver.hasStatus(featuresOk)).toBe(true);
    });
  }

  it('is refused for a feature in a word that no device has', () => {
    const { driver, faults } = newDriver();
    driver.accept(feature.version1);
    driver.set('driverFeatureSelect', 4);
    driver.set('driverFeature', 1);
    driver.addStatus(featuresOk);
    expect(driver.hasStatus(featuresOk)).toBe(false);
    expect(faults[0].fault.rule).toBe('feature-not-offered');
    expect(driver.negotiate(feature.version1)).toBe(true);
  });

  it('ends the negotiation: what is accepted later counts for nothing', () => {
    const { driver, faults } = newDriver();
    driver.negotiate(feature.version1);
    driver.accept(driver.offered());
    expect(new Set(faults.map(({ fault }) => fault.rule))).toEqual(new Set(['features-after-ok']));
    driver.set('driverFeatureSelect', 0);
    expect(driver.get('driverFeature')).toBe(0);
    expect(driver.hasStatus(featuresOk)).toBe(true);
  });
});

describe('DRIVER_OK', () => {
  it('is refused before FEATURES_OK', () => {
    const { driver, faults, card } = newDriver();
    driver.addStatus(acknowledge | driverBit);
    driver.addStatus(driverOk);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['driver-ok-too-early']);
    expect(card.lanes).toBe(1);
  });

  it('is refused together with a FEATURES_OK that is refused', () => {
    const { driver } = newDriver();
    driver.set('deviceStatus', acknowledge | driverBit | featuresOk | driverOk);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit);
  });

  it('is told once until the next reset', () => {
    const { driver, pci } = newDriver();
    const active: boolean[] = [];
    pci.onActive.on((now) => active.push(now));
    driver.negotiate(feature.version1);
    driver.driverOk();
    driver.driverOk();
    driver.reset();
    driver.reset();
    expect(active).toEqual([true, false]);
  });
});

describe('the device status', () => {
  it('loses no bit but by a reset', () => {
    const { driver, faults } = newDriver();
    driver.negotiate(feature.version1);
    driver.set('deviceStatus', acknowledge);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit | featuresOk);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['status-cleared']);
  });

  it('takes FAILED at any time', () => {
    const { driver, faults } = newDriver();
    driver.addStatus(failed);
    expect(driver.get('deviceStatus')).toBe(failed);
    expect(faults).toEqual([]);
  });

  it('takes neither DEVICE_NEEDS_RESET nor bits without meaning here from a driver', () => {
    const { driver } = newDriver();
    driver.set('deviceStatus', acknowledge | needsReset | 16 | 32);
    expect(driver.get('deviceStatus')).toBe(acknowledge);
  });

  it('is 0 after a reset from every state, and the device can be brought up again', () => {
    const steps: ((driver: PciDriver) => void)[] = [
      (driver) => driver.addStatus(acknowledge),
      (driver) => driver.addStatus(driverBit),
      (driver) => driver.accept(driver.offered()),
      (driver) => driver.addStatus(featuresOk),
      (driver) => driver.setUpQueue(0),
      (driver) => driver.driverOk(),
      (driver) => driver.addStatus(failed),
    ];
    for (let reached = 0; reached <= steps.length; reached++) {
      const { driver } = newDriver();
      for (const step of steps.slice(0, reached)) step(driver);
      driver.reset();
      expect(driver.get('deviceStatus')).toBe(0);
      driver.set('driverFeatureSelect', 0);
      expect(driver.get('driverFeature')).toBe(0);
      for (const step of steps.slice(0, 6)) step(driver);
      expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit | featuresOk | driverOk);
    }
  });
});

describe('whatever order a driver takes', () => {
  const step = fc.oneof(
    fc.record({ status: fc.nat(255) }),
    fc.record({ status: fc.constantFrom(1, 3, 11, 15, 0) }),
    fc.record({ select: fc.nat(5), word: fc.oneof(fc.constantFrom(0, 1, 1 << 22, 1 << 17), fc.nat(0xffffffff)) }),
  );

  it(
    'DRIVER_OK stands only with FEATURES_OK, and that only with features that were offered',
    { timeout: 60000 },
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
          const { driver, machine } = newDriver();
          machine.watching = false;
          const offered = driver.offered();
          for (const chosen of steps) {
            const before = driver.get('deviceStatus');
            if ('status' in chosen) {
              driver.set('deviceStatus', chosen.status);
              const after = driver.get('deviceStatus');
              expect(after).toBe(chosen.status === 0 ? 0 : (before | (chosen.status & after)) & ~needsReset);
            } else {
              driver.set('driverFeatureSelect', chosen.select);
              driver.set('driverFeature', chosen.word);
            }
            const now = driver.get('deviceStatus');
            if (now & driverOk) expect(now & featuresOk).toBe(featuresOk);
            if (now & featuresOk) {
              const words = [0, 1].map((select) => {
                driver.set('driverFeatureSelect', select);
                return BigInt(driver.get('driverFeature'));
              });
              const accepted = words[0] | (words[1] << 32n);
              expect(accepted & ~offered).toBe(0n);
              expect(accepted & feature.version1).toBe(feature.version1);
            }
          }
        }),
      );
    },
  );
});
