import * as Comlink from 'comlink';

import { Capture, CaptureOutbox, type CaptureCounters } from '../../fabric/index.js';
import { systemClock } from '../../hosts/v86/index.js';
import { WorkerHost } from '../../vm/index.js';
import { switchBackend } from '../backends.js';
import { captured, timeOfDay } from '../captured.js';
import { conditioned } from '../links.js';
import { StationCards } from './cards.js';
import type { CardEvents, CardPlan, CardStatus } from './plan.js';

/** The captures of all cards of a guest, where there are to be any. */
export interface WorkerCapture {
  readonly snapLength: number | undefined;
}

/** The worker's side of a station: its guest's cards, and what is around them. */
export class StationHost extends WorkerHost {
  private station: StationCards | undefined;
  private capture: Capture | undefined;
  private outbox: CaptureOutbox | undefined;

  /**
   * Comes before all else that is asked of the station.
   * @param onCaptured called when frames were captured
   */
  prepare(
    note: CardEvents['note'],
    pairs: CardEvents['pairs'],
    capture: WorkerCapture | undefined,
    onCaptured: () => void,
  ): void {
    let backend = conditioned(switchBackend(this.fabric));
    if (capture) {
      this.outbox = new CaptureOutbox(onCaptured);
      this.capture = new Capture(this.outbox, { ...capture, clock: systemClock, date: timeOfDay() });
      backend = captured(backend, this.capture);
    }
    this.station = new StationCards(this.madeEmulator, backend, { note, pairs });
  }

  plugCard(plan: CardPlan): number {
    return this.prepared.plug(plan);
  }

  cardStatus(slot: number): CardStatus {
    return this.prepared.status(slot, this.node.uplinkLosses());
  }

  unplugCard(slot: number): Promise<void> {
    return this.prepared.unplug(slot);
  }

  async takeCaptured(): Promise<Uint8Array> {
    const bytes = (await this.outbox?.take()) ?? new Uint8Array(0);
    return Comlink.transfer(bytes, [bytes.buffer]);
  }

  async closeCapture(): Promise<void> {
    await this.capture?.close();
  }

  captureCounters(): CaptureCounters[] {
    return this.capture?.counters() ?? [];
  }

  private get prepared(): StationCards {
    if (!this.station) throw new Error('The station is not prepared yet.');
    return this.station;
  }
}
