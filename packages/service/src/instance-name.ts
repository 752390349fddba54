import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** Keeps `<service>-<host>-<random>` within the 64 characters of INSTANCE. The end of a host's name distinguishes hosts. */
const MAX_HOST = 45;

/** Does not use the process id, since every process in a container has pid 1. */
export function instanceName(service: string, given: string): string {
  const [host = ''] = hostname().split('.', 1);
  return given || `${service}-${host.slice(-MAX_HOST)}-${randomBytes(3).toString('hex')}`;
}
