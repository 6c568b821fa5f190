import type { DriverReport } from '../lab/checker/index.js';
import type { FaultCount } from '../lab/faults/index.js';
import type { Drops, FilterReason } from '../net/index.js';
import type { CardUse } from '../vm/index.js';
import type { CaptureReport } from './capture.js';
import type { HotplugReport } from './hotplug.js';
import type { NegotiatedReport } from './negotiated.js';
import type { StationReport } from './network.js';
import type { OuterPortCounters } from './ports.js';
import type { Run } from './runs.js';
import type { FaultEntry } from './stations/faultLog.js';

/** What `vmq boot --json` prints. */
export interface Report {
  readonly guests: readonly GuestReport[];
  readonly runs: readonly Run[];
  /** The card of each guest, in the same order. */
  readonly devices: readonly DeviceReport[];
  /** The cards that the guests gained and lost; there only with --hotplug. */
  readonly hotplug?: readonly HotplugReport[] | undefined;
  /** What the driver of each guest did; there only with --check-driver. */
  readonly driver?: readonly GuestDriverReport[] | undefined;
  /** What passed the ways out, in the order of the options; there only with --port. */
  readonly ports?: readonly OuterPortCounters[] | undefined;
  /** How much was captured; there only with --capture. */
  readonly capture?: CaptureReport | undefined;
}

export interface GuestDriverReport extends DriverReport {
  /** Guests count from 1. */
  readonly guest: number;
}

export interface GuestReport {
  readonly mac: string;
  readonly ip: string;
  /** Milliseconds from its start until its shell answered. */
  readonly bootMs: number;
  readonly fromSnapshot: boolean;
}

export interface DeviceReport extends CardUse, NegotiatedReport {
  readonly lanes: readonly LaneReport[];
  /** What its driver did wrong. */
  readonly faults: readonly FaultEntry[];
  /** What the card did wrong because it was asked to; there only with --fault. */
  readonly injected?: readonly FaultCount[];
}

/** One queue pair; directions are the guest's. */
export interface LaneReport {
  readonly rxFrames: number;
  readonly txFrames: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly dropped: Drops;
  /** Frames that the guest does not want; they are not lost. */
  readonly filtered: Partial<Record<FilterReason, number>>;
}

export function report(
  stations: readonly StationReport[],
  runs: readonly Run[],
  hotplug?: readonly HotplugReport[],
  capture?: CaptureReport,
  ports: readonly OuterPortCounters[] = [],
): Report {
  const driver = stations.flatMap((station) => (station.driver ? [{ guest: station.number, ...station.driver }] : []));
  return {
    ...{ guests: stations.map(guestReport), runs, devices: stations.map(deviceReport), hotplug, capture },
    driver: driver.length > 0 ? driver : undefined,
    ports: ports.length > 0 ? ports : undefined,
  };
}

function guestReport({ mac, ip, bootMs, fromSnapshot }: StationReport): GuestReport {
  return { mac, ip, bootMs: Math.round(bootMs), fromSnapshot };
}

function deviceReport(station: StationReport): DeviceReport {
  const { queuePairs, queuePairsInUse, features, msixEnabled, vectors } = station;
  const { offered, accepted, refused, lanes, faults, injected } = station;
  return {
    ...{ queuePairs, queuePairsInUse, features, msixEnabled, vectors, offered, accepted, refused },
    lanes: lanes.map(({ rxFrames, txFrames, rxBytes, txBytes, dropped, filtered }) => ({
      rxFrames,
      txFrames,
      rxBytes,
      txBytes,
      dropped,
      filtered,
    })),
    faults,
    ...(injected.length > 0 && { injected }),
  };
}
