/** Reads the definitions of all published tables, or of one, in a single statement and so in one snapshot. */
import { type Lsn, parseLsn, ROLES_DEFINITION } from '@tidemark/contracts';
import { INSERTED_SQL, type Pool, parseXidSnapshot, SNAPSHOT_SQL, type XidSnapshot } from '@tidemark/db';
import { definitionsSql, ROLES_VERSION_SQL } from './definition-sql.ts';

export interface Look {
  snapshot: XidSnapshot;
  /** Snapshots with equal texts see the same. */
  snapshotText: string;
  /** Position read after the snapshot: at or after every change that it sees. */
  since: Lsn;
  /** Includes the roles where all tables were read. */
  versions: readonly { schema: string; table: string; version: string }[];
}

export interface TableName {
  schema: string;
  table: string;
}

/** A thousand tables take less than a tenth of it. A locked catalog must not stop the relay. */
const TIMEOUT_MS = 5_000;
/** Estimates of recursive queries are far too high, and JIT compilation would take longer than the statement. */
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

export async function currentSnapshot(pool: Pool): Promise<string> {
  const [row] = await pool.query<{ snapshot: string }>(`select ${SNAPSHOT_SQL} as snapshot`, [], {
    timeoutMs: TIMEOUT_MS,
  });
  return String(row?.snapshot);
}
