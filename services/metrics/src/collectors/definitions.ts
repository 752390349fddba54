/** Definitions of published tables that changed: columns, keys, policies, rights. The relay writes each with its position in the WAL. */
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';

export interface ChangedDefinition {
  /** Grows with each change that is found. */
  number: number;
  schema: string;
  table: string;
  lsn: string;
}

export interface Definitions {
  /** The newest changes since the start of this service. */
  changed: readonly ChangedDefinition[];
}

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 3_000;
/** A migration of more tables at once shows as many events as this. */
const MAX_CHANGED = 100;

/** At the first time, it finds the newest position alone. */
const CHANGED = `
select schema_name as schema, table_name as table, since::text as lsn from tidemark.table_definitions
where since > $1::pg_lsn order by since desc limit ${MAX_CHANGED}`;
const NEWEST = "select coalesce(max(since), '0/0'::pg_lsn)::text as lsn from tidemark.table_definitions";

export function definitions(postgres: PostgresConnection): CollectorDefinition<Definitions> {
  const options = { holder: { route: 'collector definitions' } };
  let through: string | undefined;
  let number = 0;
  let changed: readonly ChangedDefinition[] = [];
  return {
    name: 'definitions',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      if (through === undefined) {
        const [newest] = await postgres.admin().query<{ lsn: string }>(NEWEST, [], options);
        through = newest?.lsn;
        return { changed };
      }
      const rows = await postgres
        .admin()
        .query<Omit<ChangedDefinition, 'number'> & Record<string, unknown>>(CHANGED, [through], options);
      const [newest] = rows;
      if (!newest) return { changed };
      through = newest.lsn;
      const found = [...rows].reverse().map(({ schema, table, lsn }) => ({ number: ++number, schema, table, lsn }));
      changed = [...changed, ...found].slice(-MAX_CHANGED);
      return { changed };
    },
  };
}
