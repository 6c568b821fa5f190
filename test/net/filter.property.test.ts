import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { feature, runningCard } from '../support/netDriver.js';
import {
  addVlan,
  frameTo,
  macBytes,
  mode,
  removeVlan,
  setMode,
  setTables,
  type Addressed,
  type Mode,
} from '../support/receiveFilter.js';

const own = '52:54:00:12:34:56';
const broadcast = 'ff:ff:ff:ff:ff:ff';
const stations = [own, '52:54:00:12:34:57', '52:54:00:12:35:56', '02:00:00:00:00:00', 'fe:ff:ff:ff:ff:ff'];
const groups = ['01:00:5e:00:00:01', '33:33:00:00:00:01', '53:54:00:12:34:56', 'ff:ff:ff:ff:ff:fe'];
const vlans = [0, 1, 2, 4094];

/** What the specification says of the filter (5.1.6.5.1 to 5.1.6.5.3), as plain as can be. */
class NaiveFilter {
  readonly modes: Record<Mode, boolean> = {
    ...{ promiscuous: true, allMulticast: false, allUnicast: false },
    ...{ noMulticast: false, noUnicast: false, noBroadcast: false },
  };
  own = own;
  table: string[] = [];
  vlans: number[] = [];
  private readonly features: bigint;

  constructor(features: bigint) {
    this.features = features;
  }

  wants(frame: Addressed): boolean {
    const byAddress = (this.features & feature.receiveModes) !== 0n;
    const byVlan = (this.features & feature.vlans) !== 0n;
    if (byAddress && this.modes.promiscuous) return true;
    return !(byVlan && !this.wantsVlan(frame)) && !(byAddress && !this.wantsAddress(frame.to));
  }

  private wantsVlan({ vlan }: Addressed): boolean {
    return vlan === undefined || this.vlans.includes(vlan);
  }

  private wantsAddress(to: string): boolean {
    const { modes, table } = this;
    if (to === broadcast) return !modes.noBroadcast;
    if (macBytes(to)[0] % 2 === 1) return !modes.noMulticast && (modes.allMulticast || table.includes(to));
    return !modes.noUnicast && (modes.allUnicast || to === this.own || table.includes(to));
  }
}

type Step =
  | { do: 'mode'; mode: Mode; on: boolean }
  | { do: 'tables'; unicast: string[]; multicast: string[] }
  | { do: 'address'; mac: string }
  | { do: 'vlan'; id: number; added: boolean }
  | ({ do: 'frame' } & Addressed);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('mode' as const),
      mode: fc.constantFrom(...(Object.keys(mode) as Mode[])),
      on: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'mode', mode: 'promiscuous', on: false }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tables' as const),
      unicast: fc.subarray(stations),
      multicast: fc.subarray([...groups, broadcast]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('address' as const), mac: fc.constantFrom(...stations) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('vlan' as const),
      id: fc.constantFrom(...vlans),
      added: fc.boolean(),
    }),
  },
  {
    weight: 15,
    arbitrary: fc.record({
      do: fc.constant('frame' as const),
      to: fc.constantFrom(...stations, ...groups, broadcast),
      vlan: fc.option(fc.constantFrom(...vlans), { nil: undefined }),
    }),
  },
);

const base = feature.version1 | feature.mac | feature.controlQueue | feature.controlMac | feature.extraReceiveModes;
const features = fc.constantFrom(
  base | feature.receiveModes | feature.vlans,
  base | feature.receiveModes,
  base | feature.vlans,
  base,
);

it('the filter passes what the specification says, and counts what it does not', () => {
  fc.assert(
    fc.property(features, fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (chosen, steps) => {
      const { driver, card, wire, machine } = runningCard({ memory: 0x100000 }, { features: chosen });
      machine.watching = false;
      const model = new NaiveFilter(chosen);
      let unwanted = 0;
      for (const step of steps) {
        if (step.do === 'mode') {
          if (setMode(driver, step.mode, step.on) === 0) model.modes[step.mode] = step.on;
        } else if (step.do === 'tables') {
          if (setTables(driver, step.unicast, step.multicast) === 0) model.table = [...step.unicast, ...step.multicast];
        } else if (step.do === 'address') {
          driver.command(1, 1, macBytes(step.mac));
          model.own = step.mac;
        } else if (step.do === 'vlan') {
          const answer = step.added ? addVlan(driver, step.id) : removeVlan(driver, step.id);
          if (answer !== 0) continue;
          model.vlans = model.vlans.filter((id) => id !== step.id);
          if (step.added) model.vlans.push(step.id);
        } else {
          if (driver.pci.queues[0].free.length > 1) driver.giveBuffers(0, [100]);
          const wanted = model.wants(step);
          if (!wanted) unwanted++;
          expect(wire.deliver(frameTo(step)), `${step.to} in VLAN ${step.vlan}`).toEqual([
            wanted ? Sent.taken : Sent.dropped,
          ]);
          expect(driver.frames(0)).toEqual(wanted ? [frameTo(step)] : []);
        }
      }
      const filtered = Object.values(card.counters[0].filtered);
      expect(filtered.reduce((sum, count) => sum + count, 0)).toBe(unwanted);
      expect(card.counters[0].dropped).toEqual({});
    }),
    { numRuns: 200 },
  );
});
