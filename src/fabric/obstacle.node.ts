/** Why the system lets nobody listen at a place on the network, as a sentence for whoever chose it. */
export function obstacle(error: unknown, place: string, host = 'the local address'): string {
  const noHost = `there is no host ${host}; give an address of this machine.`;
  const reasons: Record<string, string> = {
    EADDRINUSE: `${place} is in use; give another.`,
    EADDRNOTAVAIL: `${host} is no address of this machine; give one that is.`,
    ENOTFOUND: noHost,
    EAI_AGAIN: noHost,
    EACCES: `${place} needs rights that this user does not have; give a port from 1024 on.`,
  };
  const { code = '', message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? `nothing can listen at ${place}: ${message}.`;
}

/** Why the system makes no socket at a path, as a sentence for whoever chose it. */
export function pathObstacle(error: unknown, path: string): string {
  // The system says of a folder that is not there that it may not be written to.
  const noFolder = `no socket can be made at ${path}: there is no such folder, or this user may not write to it.`;
  const reasons: Record<string, string> = {
    EADDRINUSE: `there is something at ${path}, a socket in use or what is no socket; give another path.`,
    EACCES: noFolder,
    ENOENT: noFolder,
  };
  const { code = '', message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? `no socket can be made at ${path}: ${message}.`;
}
