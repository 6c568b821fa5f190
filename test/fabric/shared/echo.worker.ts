import { workerData } from 'node:worker_threads';

import { connect, Sent, SharedNode, type LinkEnd, type Port, type SleepWord } from '../../../src/fabric/index.js';
import { Backlog } from '../../../src/fabric/backlog.js';
import type { Frame } from '../../../src/net/link/frame.js';
import { allOffloads } from '../../../src/net/link/offloads.js';

/** Sends back each frame that comes, on the same lane; takes no more while the other end has no room for them. */
class Echo implements Port {
  readonly name = 'echo';
  readonly listening = true;
  readonly offloads = allOffloads;
  readonly lanes = 8;
  peer: Port | undefined;
  private readonly waiting = Array.from({ length: 8 }, () => new Backlog(16, 1 << 20));

  steer(frame: Frame): number {
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    const waiting = this.waiting[lane];
    if (waiting.length === 0 && this.peer?.send(frame, lane) !== Sent.full) return Sent.taken;
    return waiting.push(frame, 0) ? Sent.taken : Sent.full;
  }

  flush(): void {
    this.peer?.flush();
  }

  room(): void {
    for (const [lane, waiting] of this.waiting.entries()) {
      while (waiting.length > 0 && this.peer?.send(waiting.head, lane) !== Sent.full) waiting.shift();
    }
    this.peer?.room();
    this.flush();
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
  }
}

const { end, asleep } = workerData as { end: LinkEnd; asleep: SleepWord };
const node = new SharedNode(asleep);
connect(node.addPort('link', end), new Echo());
node.sleep();
