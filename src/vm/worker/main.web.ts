import * as Comlink from 'comlink';

import { WorkerHost } from './host.js';

/** What a guest's worker runs in a browser; its first message is the port that its guest talks through. */
addEventListener('message', ({ data }: MessageEvent<MessagePort>) => Comlink.expose(WorkerHost, data), { once: true });
