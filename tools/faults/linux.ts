import { Switch } from '../../src/fabric/index.js';
import { attachVirtioNet, systemClock, type VirtioNetCard } from '../../src/hosts/v86/index.js';
import { injectFaults, type Condition, type FaultInjection } from '../../src/lab/faults/index.js';
import { startGuests, type Guest } from '../../src/vm/index.node.js';
import type { Scenario } from './scenarios.js';

/** What became of a driver. */
export const outcomes = {
  survived: 'packets go on, with nothing done about it',
  'down and up': 'packets go on after `ip link set eth0 down` and `up`',
  rebind: 'packets go on after the driver was unbound from the card and bound again',
  'down and up, device cured': 'the same as down and up, once the device behaved again',
  'rebind, device cured': 'the same as rebind, once the device behaved again',
  lost: 'none of that helped',
  hung: 'something in the kernel never ended',
} as const;
export type Outcome = keyof typeof outcomes;

export interface FaultResult {
  readonly fault: string;
  readonly when: Condition;
  readonly kernel: string;
  /** How often the fault happened. */
  readonly happened: number;
  readonly outcome: Outcome;
  /** What hung. */
  readonly hung?: string | undefined;
  /** What the kernel said from the fault on, and the commands that failed. */
  readonly messages: readonly string[];
}

/** Something in the guest did not end in time. */
class Hung extends Error {}

/** How long a step in the guest may take, in tenths of a second of its own time, and all the steps of one command. */
const stepTenths = 120;
const commandMs = 60_000;

/** Has a guest's card misbehave, and looks what becomes of its driver. */
export async function tryFault(scenario: Scenario): Promise<FaultResult> {
  const guests = await startGuests({ count: 2 });
  const fabric = new Switch({ clock: systemClock });
  try {
    await guests[1].addCard({ address: '10.0.0.2/24', port: fabric.addPort('guest 2') });
    return await new Trial(guests[0], fabric, scenario).run();
  } finally {
    await Promise.all(guests.map((guest) => guest.stop()));
    fabric.close();
  }
}

class Trial {
  private readonly guest: Guest;
  private readonly scenario: Scenario;
  private readonly fabric: Switch;
  private readonly shown: string[] = [];
  private readonly failures: string[] = [];
  private injection: FaultInjection | undefined;

  constructor(guest: Guest, fabric: Switch, scenario: Scenario) {
    this.guest = guest;
    this.fabric = fabric;
    this.scenario = scenario;
  }

  async run(): Promise<FaultResult> {
    const { guest } = this;
    const { fault, when, fromStart } = this.scenario;
    const kernel = (await this.guest.run('uname -r')).output.trim();
    let hung: string | undefined;
    let outcome: Outcome = 'hung';
    await this.guest.run(`echo ${mark} >/dev/kmsg`);
    guest.console.attach((text) => this.shown.push(text));
    // The guest's driver finds the card by itself, and at once.
    const card = attachVirtioNet(guest.emulator, {
      queuePairs: 2,
      mac: '52:54:00:00:00:01',
      port: this.fabric.addPort('guest 1'),
      ...this.scenario.card,
    });
    if (fromStart) this.inject(card);
    try {
      outcome = await this.outcome(card);
    } catch (error) {
      if (!(error instanceof Hung)) throw error;
      hung = error.message;
    }
    return { fault, when, kernel, happened: this.happened, outcome, hung, messages: await this.messages() };
  }

  private get happened(): number {
    return this.injection?.counts[0].count ?? 0;
  }

  private inject(card: VirtioNetCard): void {
    const { fault, when } = this.scenario;
    this.injection = injectFaults(card, [{ fault, when }], systemClock);
  }

  private async outcome(card: VirtioNetCard): Promise<Outcome> {
    const { fromStart, provoke } = this.scenario;
    const driver = '/sys/bus/virtio/drivers/virtio_net';
    const up = 'ip addr replace 10.0.0.1/24 dev eth0 && ip link set eth0 up';
    const downAndUp = `ip link set eth0 down; ${up}`;
    // Without a name a driver gave up, and the bus is to try it again.
    const rebind = `
      name=$(basename /sys/bus/pci/devices/0000:00:0${card.slot}.0/virtio*)
      echo $name >${driver}/unbind; echo $name >${driver}/bind; ${up}`;
    await this.step('the probe', probe);
    await this.step('ip link set eth0 up', up);
    if (!fromStart) {
      if (!(await this.reaches())) throw new Error('guest 2 could not be reached before the fault');
      await this.guest.run(`echo ${mark} >/dev/kmsg`);
      this.inject(card);
    }
    if (typeof provoke === 'string') await this.step(provoke, provoke);
    else provoke?.(card);
    await this.step('traffic', 'ping -c 30 -i 0.05 -W 1 10.0.0.2; timeout 3 iperf3 -c 10.0.0.2 -t 1; true');
    if (typeof provoke === 'function') card.device.setLink(true);
    if (await this.reaches()) return 'survived';
    await this.step('ip link set eth0 down', downAndUp);
    if (await this.reaches()) return 'down and up';
    await this.step('unbinding', rebind);
    if (await this.reaches()) return 'rebind';
    this.injection?.stop();
    await this.step('ip link set eth0 down', downAndUp);
    if (await this.reaches()) return 'down and up, device cured';
    await this.step('unbinding', rebind);
    return (await this.reaches()) ? 'rebind, device cured' : 'lost';
  }

  private async reaches(): Promise<boolean> {
    return (await this.step('ping', 'ping -c 4 -i 0.2 -W 2 10.0.0.2')) === 0;
  }

  /** Runs a command behind the shell's back, as it may never end. Answers its status. @throws Hung */
  private async step(name: string, command: string): Promise<number> {
    const script = `
      ( ${command} ) >/tmp/step 2>&1 </dev/null & step=$!
      tenths=0
      while kill -0 $step 2>/dev/null; do
        tenths=$((tenths + 1)); [ $tenths -le ${stepTenths} ] || { kill -9 $step; sleep 0.3; break; }
        sleep 0.1
      done
      if [ $tenths -gt ${stepTenths} ]; then
        ps -o stat,comm | grep -q '^D.* \\(sh\\|ip\\|ethtool\\|kworker.*\\)$' && exit 99
        exit 98
      fi
      head -n 1 /tmp/step; wait $step`;
    try {
      const { status, output } = await this.guest.run(script, { timeoutMs: commandMs });
      if (status !== 0 && status < 98 && name !== 'ping') this.failures.push(output.trim());
      if (status === 99) throw new Hung(`${name}: a process waits for ever, the rest of the guest goes on`);
      return status;
    } catch (error) {
      if (error instanceof Hung) throw error;
      throw new Hung(`${name}: the whole guest stands still`);
    }
  }

  private async messages(): Promise<string[]> {
    const seen = await this.guest.run('dmesg', { timeoutMs: 20_000 }).catch(() => undefined);
    // A guest that stands still can't be asked, but its console may have said something.
    const lines = (seen?.output ?? this.shown.join(''))
      .split(/\r?\n/)
      .map((line) => line.replace(/^\[ *\d+\.\d+\] /, '').trim());
    const from = lines.lastIndexOf(mark) + 1;
    const said = lines.slice(from).filter((line) => telling.test(line) && !routine.test(line));
    // What differs in its numbers only was said again.
    const messages = new Map(
      [...said, ...this.failures.filter(Boolean)].map((text) => [text.replace(/\d+/g, '0'), text]),
    );
    return [...messages.values()].slice(0, 8);
  }
}

const mark = 'the fault is on';
const probe = `echo 1 >/sys/bus/pci/rescan; tries=0
  until [ -e /sys/class/net/eth0 ]; do tries=$((tries + 1)); [ $tries -gt 40 ] && exit 1; sleep 0.1; done`;

const telling = /virtio|eth0|NETDEV|WARNING|BUG|Call Trace|irq \d+|nobody cared|lockup|blocked for more/i;
const routine =
  /ACPI:|BAR \d|enabling device|ADDRCONF|promiscuous mode|assigned|\[1af4|mem 0x|Modules linked in|renamed/;
