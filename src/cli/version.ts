import { createRequire } from 'node:module';

/** The version of this package. It refers to itself by name, so that this works from the sources and from a bundle. */
export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require('virtio-mq/package.json') as { version: string }).version;
}
