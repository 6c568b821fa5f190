/** What passed a forward, as plain data. */
export interface ForwardCounters {
  protocol: 'tcp' | 'udp';
  /** Where it listens, and where it goes to. */
  from: string;
  to: string;
  /** Connections, or whom datagrams came from: now and since the start. */
  open: number;
  connections: number;
  /** Connections that could not be made, or ended before their time, by what happened. */
  failed: Record<string, number>;
  /** Bytes that the station was given, and that came of it. */
  toStationBytes: number;
  fromStationBytes: number;
  /** Datagrams that this machine's side had no room for, or could not send. */
  lostDatagrams: number;
}

export interface Forward {
  /** Where it listens: 127.0.0.1:8080. */
  readonly from: string;
  counters(): ForwardCounters;
  /** Ends all that passes, and gives the port back. */
  close(): Promise<void>;
}

/** An address and a port, as people write them. */
export function placeText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
