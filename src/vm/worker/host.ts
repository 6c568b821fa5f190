import * as Comlink from 'comlink';
import type { V86 } from 'v86';

import { Switch, type SwitchPort, type LinkEnd, type SharedPortCounters, type SleepWord } from '../../fabric/index.js';
import { pciBusOf, systemClock, type VirtioNetCard, type VirtioNetOptions } from '../../hosts/v86/index.js';
import { cardReport, type CardReport } from '../cardReport.js';
import { attachToPort } from '../cards.js';
import { createEmulator, type MachineOptions } from '../emulator.js';
import { shareOfLosses, withLosses } from '../losses.js';
import { localMachine, type Machine } from '../machine.js';
import { watchCard, watchMachine, type ReportProblem } from '../problems.js';
import { MeshNode } from './mesh.js';

/** Options of a card whose guest has a worker of its own: those of `attachVirtioNet` that can be sent to it. */
export type WorkerCardOptions = Omit<VirtioNetOptions, 'port'>;

/** Longer than a guest takes to answer a ping, in milliseconds; half of the time between two ticks of its timer. */
const answerMs = 2;

/** The worker's side: an emulator, its cards, and its part of the switch that joins the guests of all workers. */
export class WorkerHost {
  /** Those that are plugged in, in that order, by slot. */
  private readonly cards = new Map<number, { readonly card: VirtioNetCard; readonly port: SwitchPort }>();
  protected readonly fabric: Switch;
  protected readonly node: MeshNode;
  private emulator: V86 | undefined;
  private machine: Machine | undefined;
  private onProblem: ReportProblem = () => undefined;

  /**
   * @param deadline how long a frame may wait for its receiver, in milliseconds
   * @param ownProcessors the other guests' workers run on other processors
   */
  constructor(asleep: SleepWord, deadline?: number, ownProcessors = false) {
    this.fabric = new Switch({ clock: systemClock, ...(deadline !== undefined && { deadline }) });
    this.node = new MeshNode(asleep, this.fabric);
    if (ownProcessors) this.node.shared.lookForAnswers(answerMs, systemClock);
  }

  async create(options: MachineOptions, onBytes: (bytes: Uint8Array) => void, onProblem: ReportProblem): Promise<void> {
    this.onProblem = onProblem;
    this.emulator = await createEmulator(options);
    this.machine = localMachine(this.emulator);
    this.machine.line.onBytes(onBytes);
    watchMachine(this.emulator, onProblem);
    pciBusOf(this.emulator).workBeside(this.node.shared);
  }

  send(bytes: Uint8Array): void {
    this.made.line.send(bytes);
  }

  restore(state: ArrayBuffer): Promise<void> {
    return this.made.restore(state);
  }

  run(): Promise<void> {
    return this.made.run();
  }

  /** Stands still; frames for it wait as for any guest that takes none. */
  async pause(): Promise<void> {
    await this.made.pause();
    this.node.shared.sleep();
  }

  async save(): Promise<ArrayBuffer> {
    const state = await this.made.save();
    return Comlink.transfer(state, [state]);
  }

  async destroy(): Promise<void> {
    this.fabric.close();
    this.node.shared.close();
    await this.machine?.destroy();
  }

  /** Joins this worker's part of the switch to that of another. */
  addLink(name: string, end: LinkEnd): void {
    this.node.addLink(name, end);
  }

  /** Ends the link to a worker that failed and can't end it itself. */
  removeLink(name: string): void {
    this.node.removeLink(name);
  }

  /** Plugs a card in, connected to the switch. Answers its slot. */
  plug(options: WorkerCardOptions): number {
    const emulator = this.madeEmulator;
    const port = this.fabric.addPort(options.name ?? 'card');
    const card = attachToPort(emulator, options, port, this.fabric);
    const { slot } = card;
    watchCard(card, this.onProblem);
    this.cards.set(slot, { card, port });
    card.onUnplugged.on(() => this.cards.delete(slot));
    return slot;
  }

  async unplug(slot: number, timeoutMs?: number): Promise<void> {
    await this.at(slot).card.unplug({ timeoutMs });
  }

  setLink(slot: number, up: boolean): void {
    this.at(slot).card.device.setLink(up);
  }

  /** What this part of the fabric dropped is among what the card dropped; a sum over all cards has it once. */
  report(slot: number): CardReport {
    const { card, port } = this.at(slot);
    const report = cardReport(card);
    const cards = [...this.cards.values()].map((other) => other.card);
    const uplinks = shareOfLosses(this.node.uplinkLosses(), card, cards);
    return { ...report, lanes: withLosses(report.lanes, [port.counters(), ...uplinks]) };
  }

  links(): ({ name: string } & SharedPortCounters)[] {
    return this.node.links();
  }

  protected get madeEmulator(): V86 {
    if (!this.emulator) throw new Error('The machine is not made yet.');
    return this.emulator;
  }

  private get made(): Machine {
    if (!this.machine) throw new Error('The machine is not made yet.');
    return this.machine;
  }

  private at(slot: number): { readonly card: VirtioNetCard; readonly port: SwitchPort } {
    const found = this.cards.get(slot);
    if (!found) throw new Error(`There is no card in slot ${slot}.`);
    return found;
  }
}
