/** One look at the definitions of all published tables, or of one: a single statement, so that all of it is of one snapshot. */
import { type Lsn, parseLsn, ROLES_DEFINITION } from '@tidemark/contracts';
import { INSERTED_SQL, type Pool, SNAPSHOT_SQL } from '@tidemark/db';
import { parseXidSnapshot, type XidSnapshot } from '../snapshots/snapshot-visibility.ts';
import { definitionsSql, ROLES_VERSION_SQL } from './definition-sql.ts';

export interface Look {
  snapshot: XidSnapshot;
  /** As Postgres writes it: equal texts see the same. */
  snapshotText: string;
  /** Read behind the snapshot: at or past every change that it sees. */
  since: Lsn;
  /** The roles are among them where all tables were looked at. */
  versions: readonly { schema: string; table: string; version: string }[];
}

export interface TableName {
  schema: string;
  table: string;
}

/** A tenth of it is much for a thousand tables; a catalog that somebody has locked must not hold the relay up. */
const TIMEOUT_MS = 5_000;
/** The estimates of recursive queries are far too high, and compiling this one would take longer than running it. */
const NO_JIT = `select set_config('jit', 'off', true)`;

interface LookRow {
  schema: string;
  table: string;
  version: string;
  snapshot: string | null;
  since: string | null;
}

const about = (version: string) =>
  `select '' as schema, '${ROLES_DEFINITION}' as "table", ${version} as version, ${SNAPSHOT_SQL} as snapshot,
  ${INSERTED_SQL} as since union all select schema, "table", version, null, null from`;
const ALL = `${about(ROLES_VERSION_SQL)} (${definitionsSql({ publication: '$1' })}) d`;
const ONE = `${about("''")} (${definitionsSql({ publication: '$1', only: { schema: '$2', table: '$3' } })}) d`;

export async function lookAtDefinitions(pool: Pool, publication: string, only?: TableName): Promise<Look> {
  const rows = await pool.transaction(
    async (tx) => {
      const [, found] = await Promise.all([
        tx.query(NO_JIT),
        tx.query<LookRow>(only ? ONE : ALL, only ? [publication, only.schema, only.table] : [publication]),
      ]);
      return found;
    },
    { readOnly: true, timeoutMs: TIMEOUT_MS },
  );
  const head = rows.find(({ snapshot }) => snapshot !== null);
  const snapshotText = String(head?.snapshot);
  return {
    snapshot: parseXidSnapshot(snapshotText),
    snapshotText,
    since: parseLsn(String(head?.since)),
    versions: rows
      .filter((row) => !(only && row === head))
      .map(({ schema, table, version }) => ({ schema, table, version })),
  };
}

/** What is visible now; far cheaper than a look. */
export async function currentSnapshot(pool: Pool): Promise<string> {
  const [row] = await pool.query<{ snapshot: string }>(`select ${SNAPSHOT_SQL} as snapshot`, [], {
    timeoutMs: TIMEOUT_MS,
  });
  return String(row?.snapshot);
}
