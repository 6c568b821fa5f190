import { Command, Option } from 'commander';

import type { Subject } from '../lab/conformance/run.js';
import { subjects } from '../lab/conformance/subjects.node.js';
import { UserError } from '../vm/index.node.js';
import { acceptance, offering, type Acceptance, type Offering } from './acceptance.js';
import {
  backendName,
  captureFile,
  collect,
  guestCommand,
  mirrorUrl,
  readableFile,
  wholeNumber,
  writableFile,
} from './arguments.js';
import { backends, type BackendName } from './backends.js';
import { boot, type BootSettings } from './boot.js';
import { standardOutput } from './capture.js';
import { compare } from './compare.js';
import { casesNamed, conform, subjectNamed, subjectsNamed } from './conform.js';
import { showFaults } from './faultList.js';
import { checkPlaces, guestFault, type GuestFault } from './faultOption.js';
import { showFeatures } from './features.js';
import { checkModern, featureWishes, type NetFeatureWishes } from './featureWishes.js';
import { buildImage } from './guestBuild.js';
import { forwardWish, gatewayPort, type ForwardWish } from './gateway.js';
import { GuestNumbers, lastGuest } from './guestNumbers.js';
import { portHelp, portWish, type PortWish } from './ports.js';
import { probe } from './probe.js';
import { checkLinks, guestLink, type GuestLink } from './linkOption.js';
import type { Streams } from './streams.js';
import { listenAddress, origin, relay, type RelaySettings } from './relay.js';
import { haveWorkers } from './stations/inWorkers.js';
import { tour } from './tour.js';
import { packageVersion } from './version.js';

/** The options that say which guest image, as Commander answers them. */
interface ImageOptions {
  readonly suite?: string;
  readonly kernelPackage?: string;
  readonly mirror?: string;
}

/** The options of `vmq boot`, as Commander answers them. */
export interface BootOptions extends ImageOptions {
  readonly guests: number;
  readonly firstGuest?: number;
  readonly workers?: boolean;
  readonly queues: number;
  readonly backend: BackendName;
  readonly memory?: number;
  readonly mtu?: number;
  readonly features?: NetFeatureWishes;
  readonly transitional?: boolean;
  readonly fault?: readonly GuestFault[];
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly exec?: readonly string[];
  readonly timeout: number;
  readonly json?: boolean;
  readonly hotplug?: boolean;
  readonly checkDriver?: boolean;
  readonly port?: readonly PortWish[];
  /** True where no address was given. */
  readonly gateway?: string | true;
  readonly forward?: readonly ForwardWish[];
  readonly link?: readonly GuestLink[];
  readonly capture?: string;
  readonly snapLength?: number;
}

/** The options of `vmq probe`, as Commander answers them. */
interface ProbeOptions {
  readonly target: Subject;
  readonly offer?: Offering;
  readonly accept?: Acceptance;
  readonly sweep?: boolean;
  readonly random: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** The options of `vmq relay`, as Commander answers them. */
interface RelayOptions extends Pick<RelaySettings, 'connections'> {
  readonly listen: Pick<RelaySettings, 'host' | 'port'>;
  readonly origin?: readonly string[];
  readonly json?: boolean;
}

/** The options of `vmq conform`, as Commander answers them. */
interface ConformOptions {
  readonly target?: Subject;
  readonly compare?: readonly Subject[];
  readonly case?: readonly string[];
  readonly html?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  vmq tour                             a guided run of the whole
  vmq boot                             two guests, and a console in the terminal
  vmq boot --exec 'ping -c 3 10.0.0.2' --exec 2:'ip -s link show eth0'
  vmq boot --guests 3 --queues 8 --json --exec 'ethtool -l eth0'

Guests have eth0 at 10.0.0.1, 10.0.0.2, … and an iperf3 server each.
'vmq boot --help' shows all options.`;

const bootNotes = `
Ways out of the network, to other machines and programs:
${portHelp}
Where there is no --mtu, cards tell their drivers of the least that these carry.

A command of --exec runs in the first guest, or in guest N with N: before it;
they run one after the other. Without --exec the terminal is a console of the
guests.
With --link 2:rate=5mbit the conditions are of guest 2's link only. There are
rate, lane-rate, delay, jitter, loss, duplicate, reorder, mtu, queue and seed;
each way of a link has all of them by itself. What waits for its turn at the
rate is limited by queue (20ms of that rate); what a delay keeps on its way is
not part of that, and takes up to 64 MiB of memory for each queue pair.
Two vmq boot on one VXLAN or relay have guests of their own with, for one of
them, --first-guest 3: guest N is vmN, at 10.0.0.N.
With --gateway there is a station, at 10.0.0.254 or the address given, that
gives addresses (DHCP) and the guests' names (DNS: guest1, guest2, …) and
answers pings. With --forward 8080:1:80, which makes one too, port 8080 of this
machine leads to port 80 of guest 1; it is open to this machine only, unless an
address stands before it, and is for TCP, unless /udp stands behind it.
Nothing leads out of the network but the ports of --port.
With --hotplug guest N has eth1 too, at 10.0.1.N, until the commands have run.

The exit status is 0 when every command's was, else 1; it is 2 when what was
asked for makes no sense. A command that took too long has status 124, one whose
guest ended has 255.`;

const relayNotes = `
It joins whoever connects until it is interrupted (Ctrl-C), and then prints what
passed each connection. The exit status is then 0.`;

const conformNotes = `
The exit status is 0 when no case failed, else 1; with --compare it is 0 when all
cases were played. It is 2 when what was asked for makes no sense.`;

const probeNotes = `
Features have the specification's names, with or without VIRTIO_NET_F_, or the
numbers of their bits. --accept none accepts nothing.

The exit status is 0 when the card agreed (in a sweep: did with every set as the
specification says), and else 1.`;

/** The whole command line. `exit` is told the exit status of what was done. */
export function createProgram(streams: Streams, exit: (status: number) => void): Command {
  const program = new Command('vmq')
    .description('Linux guests with multiqueue virtio-net cards, and the network between them.')
    .version(packageVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', examples)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      outputError: (text, write) => write(sentence(text)),
      getOutHelpWidth: () => streams.stdout.columns ?? 100,
      getErrHelpWidth: () => streams.stderr.columns ?? 100,
    });

  imageOptions(program.command('tour'))
    .description('show what the whole can do, in a minute')
    .addOption(memoryOption())
    .action(async ({ memory, ...image }: ImageOptions & { memory?: number }) => {
      exit(await tour({ image, memoryMiB: memory }, streams));
    });

  imageOptions(program.command('boot'))
    .description('start guests on one network, and run commands in them')
    .option('--guests <n>', 'how many guests', wholeNumber('guests'), 2)
    .option('--first-guest <n>', 'the number of the first (default: 1)', wholeNumber('first-guest'))
    .option('--workers', 'each guest in a thread of its own; default for several guests')
    .option('--no-workers', 'all guests in one thread')
    .option('--queues <n>', 'queue pairs of each card', wholeNumber('queues'), 4)
    .addOption(
      new Option('--backend <name>', `what the cards are connected to: ${Object.keys(backends).join(' or ')}`)
        .default('switch')
        .argParser(backendName),
    )
    .addOption(memoryOption())
    .option('--mtu <bytes>', 'the largest packet that the cards tell their drivers of', wholeNumber('mtu'))
    .option('--features <list>', 'offer features (+MTU) or leave them out (-MTU), by names and commas', featureWishes)
    .option('--transitional', 'cards that drivers from before virtio 1.0 can use too')
    .option('--kernel <file>', 'boot this kernel, a bzImage, instead of the guest image', readableFile('kernel'))
    .option('--initrd <file>', 'the initial RAM disk of that kernel', readableFile('initrd'))
    .option('--append <parameters>', "more for the kernel's command line, such as pci=nomsi")
    .option('--exec <command>', 'run a shell command; may be given more than once', collect)
    .option('--hotplug', 'have each guest gain a second card while it runs, and lose it at the end')
    .option('--check-driver', "watch the guests' drivers for what the specification forbids them")
    .option('--fault <name@conditions>', "have the cards misbehave, as 'vmq faults' lists; repeatable", guestFault)
    .option('--port <kind:address>', 'a way out of the network, as below; may be given more than once', portWish)
    .option('--gateway [address]', 'a station that gives guests addresses and names: 10.0.0.254')
    .option('--forward <ports>', 'pass a port of this machine on to a guest, as 8080:1:80; repeatable', forwardWish)
    .option('--link <conditions>', "what the guests' links are like: rate=10mbit,delay=20ms,loss=1%", guestLink)
    .option('--capture <file>', "write all that passes the guests' ports as pcapng; - is standard output", captureFile)
    .option('--snap-length <bytes>', 'the most of each frame that is captured', wholeNumber('snap-length'))
    .option('--timeout <seconds>', 'how long each command may take', wholeNumber('timeout'), 300)
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .addHelpText('after', bootNotes)
    .action(async (options: BootOptions) => exit(await boot(bootSettings(options), streams)));

  program
    .command('features')
    .description('list what can be negotiated with the card')
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .action(({ json = false }: { json?: boolean }) => exit(showFeatures(json, streams)));

  program
    .command('conform')
    .description('check a network card against the statements of the virtio specification')
    .option('--target <name>', `the card: ${Object.keys(subjects).join(', ')}`, subjectNamed('target'))
    .option('--compare <names>', 'instead of one card several, with commas: show where they differ', subjectsNamed)
    .option('--case <id>', 'only this case, or those of this statement; may be given more than once', collect)
    .option('--html <file>', 'of a comparison: write a report of all cases, with a filter', writableFile('html'))
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .addHelpText('after', conformNotes)
    .action(async (options: ConformOptions) => exit(await runConform(options, streams)));

  program
    .command('probe')
    .description('show what a network card offers, and how it negotiates')
    .requiredOption('--target <name>', `the card: ${Object.keys(subjects).join(', ')}`, subjectNamed('target'))
    .option('--offer <list>', 'have the card offer features (+MTU) or leave them out (-MTU)', offering)
    .option('--accept <list>', 'accept these (MQ,CTRL_VQ), or all that is offered but for these (-CTRL_VQ)', acceptance)
    .option('--sweep', 'negotiate every single feature, every pair, and sets by chance')
    .option('--random <n>', 'of a sweep: how many sets by chance', wholeNumber('random'), 200)
    .option('--seed <n>', 'of a sweep: where the chance begins', wholeNumber('seed'), 1)
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .addHelpText('after', probeNotes)
    .action(async (options: ProbeOptions, command: Command) => {
      const { target, offer = {}, accept, sweep, random, seed, json = false } = options;
      if (sweep && accept) throw new UserError('--sweep and --accept both say what is accepted; give one of them.');
      const ofSweep = ['random', 'seed'].find((name) => command.getOptionValueSource(name) === 'cli');
      if (!sweep && ofSweep) throw new UserError(`--${ofSweep} is for a sweep; ask for that with --sweep.`);
      exit(await probe({ target, offer, accept, sweep: sweep ? { random, seed } : undefined, json }, streams));
    });

  program
    .command('relay')
    .description("join v86's cards (relay_url) and this command's (--port relay:URL) by WebSockets")
    .addOption(
      new Option('--listen <host:port>', 'where to listen')
        .default(listenAddress('127.0.0.1:8087'), '127.0.0.1:8087')
        .argParser(listenAddress),
    )
    .option('--origin <origin>', 'pages that may connect, or *; repeatable (default: pages of this machine)', origin)
    .option('--connections <n>', 'how many may be connected at a time', wholeNumber('connections'), 256)
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .addHelpText('after', relayNotes)
    .action(async ({ listen, origin: origins, connections, json = false }: RelayOptions) => {
      exit(await relay({ ...listen, origins, connections, json }, streams));
    });

  program
    .command('faults')
    .description('list how a card can misbehave on request')
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .action(({ json = false }: { json?: boolean }) => exit(showFaults(json, streams)));

  const guest = program.command('guest').description('the guest image').helpCommand(false);
  imageOptions(guest.command('build'))
    .description("make the guest image from Debian's packages, if it is not there yet")
    .option('--json', 'print one JSON document, and nothing else, on standard output')
    .action(async ({ json = false, ...image }: ImageOptions & { json?: boolean }) => {
      exit(await buildImage({ image, json }, streams));
    });
  return program;
}

/** Runs `vmq conform` against one card or several. @throws UserError when the options do not go together */
function runConform(options: ConformOptions, streams: Streams): Promise<number> {
  const { target, compare: targets, case: names, html, json = false } = options;
  const cases = casesNamed(names);
  if (target && targets) throw new UserError('--target and --compare both name cards; give one of them.');
  if (targets) return compare({ targets, cases, json, html }, streams);
  if (html !== undefined) throw new UserError('--html is the report of a comparison; name cards with --compare.');
  if (target) return conform({ target, cases, json }, streams);
  throw new UserError('vmq conform needs a card: name one with --target, or several with --compare.');
}

/** What the options of `vmq boot` ask for. @throws UserError when they do not go together */
export function bootSettings(options: BootOptions): BootSettings {
  const { guests, queues, backend, memory, mtu, kernel, initrd, append, exec = [], timeout, json = false } = options;
  const { features, transitional = false, hotplug = false, checkDriver, suite, kernelPackage, mirror } = options;
  const { fault: faults, port: ports, link: links, capture, snapLength, firstGuest } = options;
  if (kernel !== undefined && kernelPackage !== undefined) {
    throw new UserError('--kernel and --kernel-package both name a kernel; give one of them.');
  }
  if (initrd !== undefined && kernel === undefined) {
    throw new UserError('--initrd needs the kernel that it was made for; give that with --kernel.');
  }
  if (snapLength !== undefined && capture === undefined) {
    throw new UserError('--snap-length is for a capture; give its file with --capture.');
  }
  if (capture === standardOutput && json) {
    throw new UserError('--capture - and --json both write to standard output; give --capture a file.');
  }
  const numbers = new GuestNumbers(guests, firstGuest);
  if (numbers.last > lastGuest) {
    const left = lastGuest + 1 - numbers.first;
    const addresses = left === 1 ? 'an address for 1 guest' : `addresses for ${left} guests`;
    throw new UserError(`--first-guest ${numbers.first} leaves ${addresses}, not ${guests}.`);
  }
  if (options.workers && backend !== 'switch') {
    throw new UserError(`--workers needs the switch; leave out --backend ${backend}.`);
  }
  const workers = options.workers ?? (guests > 1 && backend === 'switch' && haveWorkers());
  if (ports && backend !== 'switch') throw new UserError(`--port needs the switch; leave out --backend ${backend}.`);
  const gateway = gatewayOf(options, numbers);
  if (features && !transitional) checkModern(features);
  if (faults) checkPlaces(faults, numbers, queues);
  if (links) checkLinks(links, numbers);
  return {
    network: {
      ...{ guests, queuePairs: queues, backend, mtu, features, transitional, checkDriver, faults, links },
      ...{ memoryMiB: memory, commandLine: append, kernel, initrd, first: numbers.first, workers },
      ports: gateway ? [gateway, ...(ports ?? [])] : ports,
      image: { suite, kernelPackage, mirror },
    },
    commands: exec.map((text) => guestCommand(text, numbers)),
    timeoutMs: 1000 * timeout,
    json,
    hotplug,
    capture: capture === undefined ? undefined : { file: capture, snapLength },
  };
}

/** The gateway, where an option asks for one. */
function gatewayOf(
  { gateway, forward: forwards = [], mtu, backend }: BootOptions,
  guests: GuestNumbers,
): PortWish | undefined {
  if (gateway === undefined && forwards.length === 0) return undefined;
  const option = gateway === undefined ? '--forward' : '--gateway';
  if (backend !== 'switch') throw new UserError(`${option} needs the switch; leave out --backend ${backend}.`);
  return gatewayPort({ address: gateway === true ? undefined : gateway, forwards, guests, mtu });
}

function imageOptions(command: Command): Command {
  return command
    .option('--suite <name>', "Debian's release that the guest image is made from (default: bookworm)")
    .option('--kernel-package <name>', 'the package with its kernel (default: linux-image-686)')
    .option('--mirror <url>', "a Debian mirror, where this machine's own apt sources name none", mirrorUrl);
}

function memoryOption(): Option {
  return new Option('--memory <MiB>', 'memory of each guest (default: 256)').argParser(wholeNumber('memory'));
}

/** Commander's message as our own look: one sentence in one line. */
function sentence(message: string): string {
  const text = message
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(/g, ' (')
    .replace(/\s*\n\s*/g, ' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.?$/, '.')}\n`;
}
