import type { SnapshotStore } from './start.js';

/** How many snapshots stay when a new one comes; each has tens of megabytes. */
const keep = 2;

/** Saved states of guests in the browser's cache storage, for all pages of this origin. */
export class SnapshotStorage implements SnapshotStore {
  private readonly name: string;

  constructor(name = 'virtio-mq snapshots') {
    this.name = name;
  }

  /** Only secure pages have a cache storage. */
  static get available(): boolean {
    return 'caches' in globalThis;
  }

  async read(key: string): Promise<ArrayBuffer | undefined> {
    const found = await (await caches.open(this.name)).match(address(key));
    return found?.arrayBuffer();
  }

  async write(key: string, state: ArrayBuffer): Promise<void> {
    const cache = await caches.open(this.name);
    await cache.put(address(key), new Response(state));
    const kept = await cache.keys();
    for (const request of kept.slice(0, -keep)) await cache.delete(request);
  }

  async remove(key: string): Promise<void> {
    await (await caches.open(this.name)).delete(address(key));
  }
}

/** What is kept has an address, though nobody asks a server for it. */
function address(key: string): string {
  return `/virtio-mq/snapshots/${key}`;
}
