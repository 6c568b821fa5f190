import type { VirtioPciFunction } from '../../pci/index.js';
import type { RegisterSpace } from '../../pci/function.js';
import type { Signal } from '../../virtio/signal.js';
import { interpose } from '../interpose.js';
import { Findings, type DriverReport, type Violation } from './findings.js';
import { NetCard } from './net/card.js';
import { ControlRules } from './net/control.js';
import { PairRules } from './net/pairs.js';
import { ReceiveRules } from './net/receive.js';
import { TransmitRules } from './net/transmit.js';
import { QueueWatch } from './queues/queueWatch.js';
import { RegisterWatch } from './registerWatch.js';
import type { Rules } from './rules.js';
import { ConfigurationSpaceRules } from './rules/configurationSpace.js';
import { DeviceConfigRules } from './rules/deviceConfig.js';
import { FeatureRules } from './rules/features.js';
import { InitialisationRules } from './rules/initialisation.js';
import { NotificationRules } from './rules/notifications.js';
import { QueueRegisterRules } from './rules/queueRegisters.js';
import { SuspensionRules } from './rules/suspension.js';
import { readLayout } from './structures.js';
import { DriverView } from './view.js';

export interface CheckOptions {
  /** Time in milliseconds; that of the host when left out. */
  readonly now?: () => number;
  /** How many violations the report lists; more are counted. 1000 when left out. */
  readonly limit?: number;
}

/** The PCI command register, and its bits that let a driver reach the device (PCI 3.0, 6.2.2). */
const commandRegister = { offset: 4, decodes: 3 } as const;
const networkCard = 1;

/**
 * Watches the driver of a network card at work and reports each statement of the specification about drivers that it
 * breaks, as far as that can be seen from the device's side. Everything is seen from outside, by functions around the
 * methods of this card; a card that nobody watches has nothing of it. Start before the driver does, or in its middle;
 * then what can't be known is not judged.
 * @throws RangeError for another kind of device
 */
export function checkDriver(
  card: VirtioPciFunction | { readonly function: VirtioPciFunction },
  options: CheckOptions = {},
): DriverChecker {
  return new DriverChecker('function' in card ? card.function : card, options);
}

export class DriverChecker {
  private readonly card: VirtioPciFunction;
  private readonly findings: Findings;
  private readonly view: DriverView;
  private readonly queues: QueueWatch;
  private readonly rules: readonly Rules[];
  private readonly undo: (() => void)[] = [];
  private readonly registers: RegisterWatch;

  constructor(card: VirtioPciFunction, { now = Date.now, limit = 1000 }: CheckOptions) {
    if (card.device.deviceId !== networkCard) {
      throw new RangeError(`${card.name} is no network card, and the driver of no other device can be checked`);
    }
    this.card = card;
    this.findings = new Findings(now, limit);
    const layout = readLayout(card);
    const config = quiet(card.config);
    const bars = card.bars.map((bar) => bar && quiet(bar));
    const { findings } = this;
    const untouched = (config.read(commandRegister.offset, 2) & commandRegister.decodes) === 0;
    const view = new DriverView(layout, bars, untouched);
    this.view = view;
    this.queues = new QueueWatch(card, findings, view, {
      activated: () => this.tell((rule) => rule.activated?.()),
      exposed: (buffer) => this.tell((rule) => rule.exposed?.(buffer)),
      used: (buffer, written) => this.tell((rule) => rule.used?.(buffer, written)),
    });
    const net = new NetCard(view, this.queues);
    const pairs = new PairRules(findings, net);
    this.rules = [
      this.queues,
      new InitialisationRules(findings, view),
      new SuspensionRules(findings, view, this.queues),
      new FeatureRules(findings, view),
      new QueueRegisterRules(findings, view),
      new NotificationRules(findings, view),
      new DeviceConfigRules(findings, view),
      new ConfigurationSpaceRules(findings, layout, config),
      new TransmitRules(findings, net),
      new ReceiveRules(findings, net),
      new ControlRules(findings, net, pairs),
      pairs,
    ];
    this.registers = new RegisterWatch(layout, view, this.rules, config);
    this.watchRegisters();
    this.watchLife();
    this.undo.push(...this.queues.start());
  }

  /** A statement was broken. */
  get onViolation(): Signal<Violation> {
    return this.findings.onViolation;
  }

  report(): DriverReport {
    return this.findings.report();
  }

  /** Stops watching; the report stays. */
  stop(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private watchRegisters(): void {
    const { card, undo, rules, registers } = this;
    undo.push(
      interpose(card.config, 'read', (read) => (offset, width) => {
        for (const rule of rules) rule.pciRead?.(offset, width);
        return read(offset, width);
      }),
      interpose(card.config, 'write', (write) => (offset, width, value) => {
        for (const rule of rules) rule.pciWrite?.(offset, width);
        write(offset, width, value);
      }),
    );
    card.bars.forEach((bar, index) => {
      if (!bar) return;
      const place = { bar: index, legacy: bar.kind === 'io' };
      undo.push(
        interpose(bar, 'read', (read) => (offset, width) => {
          const value = read(offset, width);
          registers.read(place, offset, width, value);
          return value;
        }),
        interpose(bar, 'write', (write) => (offset, width, value) => {
          registers.write(place, offset, width, value, () => write(offset, width, value));
        }),
      );
    });
  }

  /** Resets and restored states come from the machine. */
  private watchLife(): void {
    const { card, undo, view } = this;
    undo.push(
      interpose(card, 'reset', (reset) => () => {
        reset();
        view.powerOn();
        this.tell((rule) => rule.forget?.());
      }),
      interpose(card, 'restore', (restore) => (state) => {
        this.tell((rule) => rule.forget?.());
        view.lose();
        this.queues.restoring = true;
        try {
          restore(state);
        } finally {
          this.queues.restoring = false;
          view.forget();
        }
      }),
    );
  }

  private tell(what: (rule: Rules) => void): void {
    for (const rule of this.rules) what(rule);
  }
}

function quiet(space: RegisterSpace): RegisterSpace {
  return { read: space.read.bind(space), write: space.write.bind(space) };
}
