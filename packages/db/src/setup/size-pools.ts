import { Probe } from '../connection/probe.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import type { DatabaseOptions } from '../database-types.ts';
import type { DbEvent } from '../events.ts';
import type { PoolOptions } from '../pool/options.ts';
import { type PoolKind, poolOptions } from '../pool/options.ts';
import { encodeStatement } from '../sql/param.ts';
import { type Room, readRoom } from './connection-budget.ts';
import { fitPools, type PoolSizes } from './fit-sizes.ts';

export interface SizedPools {
  options: Readonly<Record<PoolKind, PoolOptions>>;
  /** Lets the next instance go on. Call it once this instance's watchers are connected: their names tell its size. */
  release(): void;
}

const PRIMARY = ['write', 'analytics', 'admin'] as const;
const REPLICA = ['read', 'analytics'] as const;
const KINDS: readonly PoolKind[] = ['write', 'read', 'analytics', 'admin'];
/** Instances that start together take turns; after this time, an instance goes on without its turn. */
const LOCK_TIMEOUT_MS = 2_000;
/** The key of pg_advisory_lock: the letters "tide". */
const LOCK = 0x74696465;
const TAKE_LOCK = encodeStatement({ text: `select pg_advisory_lock(${LOCK})` });

/** Reports `db.pools_shrunk`. A server that cannot be asked shrinks nothing. */
export async function sizePools(
  options: Pick<DatabaseOptions, 'pools'>,
  servers: { readonly primary: ConnectionTarget; readonly replicas: readonly ConnectionTarget[] },
  settings: Readonly<Record<string, string>>,
  observe: (event: DbEvent) => void,
): Promise<SizedPools> {
  const wanted = Object.fromEntries(KINDS.map((kind) => [kind, poolOptions(kind, options.pools?.[kind])])) as Record<
    PoolKind,
    PoolOptions
  >;
  const fixed = new Set(KINDS.filter((kind) => options.pools?.[kind]?.max !== undefined));
  const probe = new Probe('open', servers.primary, settings);
  // Without the lock the sizes are less exact; the start goes on.
  await probe.ask([TAKE_LOCK], LOCK_TIMEOUT_MS).catch(() => undefined);
  const rooms = await Promise.all([roomOf(probe), ...servers.replicas.map((target) => roomOfServer(target, settings))]);
  const sizes: Partial<Record<PoolKind, number>> = {};
  rooms.forEach((room, index) => {
    const kinds = index === 0 ? PRIMARY : REPLICA;
    const free = room && room.available - room.promised - room.others;
    const of = Object.fromEntries(kinds.map((kind) => [kind, wanted[kind].max])) as PoolSizes;
    for (const [kind, size] of Object.entries(fitPools(of, fixed, free)) as [PoolKind, number][]) {
      sizes[kind] = Math.min(sizes[kind] ?? size, size);
    }
    const shrunk = kinds.filter((kind) => (sizes[kind] as number) < wanted[kind].max);
    if (room && shrunk.length > 0) {
      const { label: server } = [servers.primary, ...servers.replicas][index] as ConnectionTarget;
      const pools = Object.fromEntries(shrunk.map((kind) => [kind, sizes[kind] as number]));
      observe({ type: 'db.pools_shrunk', server, available: room.available, free: free as number, pools });
    }
  });
  const sized = KINDS.map((kind) => {
    const max = sizes[kind] ?? wanted[kind].max;
    return [kind, { ...wanted[kind], max, min: Math.min(wanted[kind].min, max) }];
  });
  return { options: Object.fromEntries(sized) as SizedPools['options'], release: () => probe.close() };
}

const roomOf = (probe: Probe): Promise<Room | undefined> => readRoom(probe).catch(() => undefined);

async function roomOfServer(target: ConnectionTarget, settings: Readonly<Record<string, string>>) {
  const probe = new Probe('open', target, settings);
  try {
    return await roomOf(probe);
  } finally {
    probe.close();
  }
}
