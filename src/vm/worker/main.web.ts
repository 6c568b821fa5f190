import * as Comlink from 'comlink';

import { WorkerHost } from './host.js';

/** What a guest's worker runs in a browser; its first message is the port that its guest talks through. */
addEventListener('message', ({ data }: MessageEvent<MessagePort>) => Comlink.expose(WorkerHost, data), { once: true });

// As in Node a promise that nobody waits for is no place for an error to get lost in.
addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  reportError(event.reason);
});
