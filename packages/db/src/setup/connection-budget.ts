/** Each instance's watcher has its pools' size in its application_name, so pg_stat_activity gives the sum. */

import type { Probe } from '../connection/probe.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { encodeStatement } from '../sql/param.ts';

const TIMEOUT_MS = 2_000;

/** Returns a name such as `tidemark gateway-1/26/watcher`. The names of the instance's other connections begin with the same text. */
export function watcherName(applicationName: string, max: number): string {
  return `${applicationName}/${max}/watcher`;
}

/** The server cuts names at 63 bytes: of an instance with a longer name, only open connections count. */
const ROOM = encodeStatement({
  text: `with names as (
           select application_name as name from pg_stat_activity where backend_type = 'client backend'
         ), instances as (
           select substring(name from '^(.*)/[0-9]+/watcher$') as name, substring(name from '/([0-9]+)/watcher$')::int as most
           from names where name ~ '/[0-9]{1,6}/watcher$'
         )
         select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                  - coalesce(current_setting('reserved_connections', true)::int, 0) as available,
                (select coalesce(sum(most), 0)::int from instances) as promised,
                (select count(*)::int from instances) as instances,
                (select count(*)::int from names
                 where not exists (select from instances where starts_with(names.name, instances.name || '/'))) as others`,
});

export interface Room {
  available: number;
  /** Sum of the pool sizes of all instances, including this one where its watcher is connected. */
  promised: number;
  instances: number;
  others: number;
}

export async function readRoom(probe: Probe): Promise<Room> {
  const [row] = await probe.ask([ROOM], TIMEOUT_MS);
  return row as unknown as Room;
}

export async function checkRoom(server: string, probe: Probe, observe: (event: DbEvent) => void): Promise<void> {
  // A failure to read it is no reason to warn; the pools report an unreachable server.
  const room = await readRoom(probe).catch(() => undefined);
  if (room === undefined) return;
  const { available, promised, instances, others } = room;
  const needed = promised + others;
  if (needed <= available) return;
  const error = errors.TOO_FEW_CONNECTIONS({ server, available, needed });
  observe({ type: 'db.too_few_connections', server, available, needed, instances, others, error });
}
