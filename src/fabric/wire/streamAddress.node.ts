import type { Socket } from 'node:net';

/** Where a stream socket is: a path of the file system, or a host and a TCP port. */
export type StreamAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** `PATH`, which has a slash, or `HOST:PORT`, with an IPv6 address in brackets; undefined for anything else. */
export function parseStreamAddress(text: string): StreamAddress | undefined {
  if (text.includes('/')) return { path: text };
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** The same as text. */
export function streamAddressText(address: StreamAddress): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Who is at the other end of a TCP socket; undefined for another kind. */
export function remoteText({ remoteAddress, remotePort }: Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return streamAddressText({ host: remoteAddress, port: remotePort });
}
