import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** Keeps `<service>-<host>-<random>` within the 64 characters of INSTANCE. The end of a host's name is what tells hosts apart. */
const MAX_HOST = 45;

/**
 * The name of a started service among all instances, unless it was given one. It does not use the process id, since every
 * process is pid 1 in a container of its own.
 */
export function instanceName(service: string, given: string): string {
  const [host = ''] = hostname().split('.', 1);
  return given || `${service}-${host.slice(-MAX_HOST)}-${randomBytes(3).toString('hex')}`;
}
