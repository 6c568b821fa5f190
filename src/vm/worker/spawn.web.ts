import type { GuestWorker } from './guest.js';

/** Starts a worker for a guest, in a browser. @param script what it runs; the package's own when left out */
export function spawnWorker(script?: URL): GuestWorker {
  const { port1, port2 } = new MessageChannel();
  // Written like this, tools that bundle pages find the script by themselves.
  const worker = script
    ? new Worker(script, { type: 'module' })
    : new Worker(new URL('./vm.worker.web.js', import.meta.url), { type: 'module' });
  worker.postMessage(port2, [port2]);
  return {
    endpoint: port1,
    terminate: () => {
      port1.close();
      worker.terminate();
    },
    failed: new Promise((resolve) => {
      const fail = ({ message }: Partial<ErrorEvent>): void => {
        resolve(new Error(message ?? 'its script could not be loaded'));
      };
      worker.addEventListener('error', fail, { once: true });
    }),
  };
}
