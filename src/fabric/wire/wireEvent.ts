/** What a port that connects by itself tells of its connection. */
export type WireEvent =
  | { readonly kind: 'connected' }
  /** The connection ended or could not be made; the next attempt is made after so many milliseconds. */
  | { readonly kind: 'disconnected'; readonly reason: string | undefined; readonly retryMs: number };

/** What a server tells of its connections, until it is closed itself. */
export type ServerEvent =
  | { readonly kind: 'accepted'; readonly name: string }
  | { readonly kind: 'ended'; readonly name: string; readonly reason: string | undefined }
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string };
