/**
 * Says which indexes cost more than they give. An index is only called unused after a day of statistics on the primary and on every
 * replica, and never where it enforces a constraint or identifies rows for replication.
 */
import type { IndexStats } from '../collectors/postgres-indexes.ts';
import type { TableStats } from '../collectors/postgres-tables.ts';
import type { ServerScans } from './server-scans.ts';

export interface IndexAdvice {
  /** Names it in POST database/advice/dismissals. */
  key: string;
  kind: 'unused' | 'duplicate' | 'invalid';
  schema: string;
  table: string;
  index: string;
  message: string;
  bytes: number | null;
  /** Rows a day whose writes maintain the index; null where it is not known. */
  writesPerDay: number | null;
  do: { sql: string; effect: string; risk: string }[];
  /** Makes the index again; null where its definition could not be read. */
  undo: string | null;
}

export interface AdviceInputs {
  indexes: readonly IndexStats[];
  tables: readonly TableStats[];
  /** The statistics of the primary, which is the first, and of every replica. */
  servers: readonly ServerScans[];
  /** Replicas that stream from the primary and whose statistics nobody reads here. */
  unread: number;
  now: number;
}

export interface Advised {
  advice: IndexAdvice[];
  /** Why nothing is said about unused indexes; null: it is. */
  why: string | null;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export function adviseIndexes(inputs: AdviceInputs): Advised {
  const { indexes } = inputs;
  const why = unearned(inputs);
  const duplicates = duplicatesOf(indexes);
  const advice = indexes.flatMap((index): IndexAdvice[] => {
    if (index.required || index.primary) return [];
    const same = duplicates.get(nameOf(index));
    // CREATE INDEX CONCURRENTLY may still be running, which its locks show.
    if (!index.valid) {
      if (index.why !== null) return [];
      return [advise(index, inputs, 'invalid', 'it is invalid: writes maintain it, and no statement reads it')];
    }
    if (same !== undefined) return [advise(index, inputs, 'duplicate', `${same.index} has the same definition`)];
    if (why !== null || index.unique) return [];
    const scans = inputs.servers.reduce((sum, server) => sum + (server.scans.get(nameOf(index)) ?? 0), 0);
    const known = inputs.servers.every((server) => server.scans.has(nameOf(index)));
    if (scans > 0 || !known) return [];
    const hours = Math.floor((inputs.now - Math.max(...inputs.servers.map(({ since }) => since))) / HOUR_MS);
    const servers =
      inputs.servers.length === 1 ? 'the primary' : `the primary and ${inputs.servers.length - 1} replicas`;
    return [advise(index, inputs, 'unused', `no statement has read it in ${hours} h, on ${servers}`)];
  });
  return { advice: advice.sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0)), why };
}

function unearned({ servers, unread, now }: AdviceInputs): string | null {
  if (servers.length === 0) return 'no statistics have been read';
  if (unread > 0) return `the statistics of ${unread} replicas are not read: name them in DATABASE_REPLICA_URLS`;
  const young = servers.find(({ since }) => now - since < DAY_MS);
  if (young === undefined) return null;
  return `the statistics of ${young.server} are of ${((now - young.since) / HOUR_MS).toFixed(1)} h; 24 h are the least`;
}

/** Maps an index that may go to the one that stays. Everything behind ON counts: method, columns, operator classes, collations, INCLUDE, WHERE. */
function duplicatesOf(indexes: readonly IndexStats[]): Map<string, IndexStats> {
  const byShape = new Map<string, IndexStats[]>();
  for (const index of indexes) {
    const shape = index.definition?.replace(/^.*? ON /, '');
    if (shape === undefined || !index.valid) continue;
    byShape.set(shape, [...(byShape.get(shape) ?? []), index]);
  }
  const duplicates = new Map<string, IndexStats>();
  for (const same of byShape.values()) {
    const worth = (index: IndexStats) =>
      Number(index.required) * 4 + Number(index.unique) * 2 + Number((index.scans ?? 0) > 0);
    const [stays, ...others] = [...same].sort((a, b) => worth(b) - worth(a) || a.index.localeCompare(b.index));
    // A unique index without a constraint enforces uniqueness all the same, so it goes only for another unique one.
    for (const other of others) if (stays && (!other.unique || stays.unique)) duplicates.set(nameOf(other), stays);
  }
  return duplicates;
}

function advise(
  index: IndexStats,
  { tables, servers, now }: AdviceInputs,
  kind: IndexAdvice['kind'],
  message: string,
): IndexAdvice {
  const { schema, table, definition, bytes } = index;
  const written = tables.find((one) => one.schema === schema && one.table === table);
  const days = (now - (servers[0]?.since ?? now)) / DAY_MS;
  const rows = written && (written.inserts ?? 0) + (written.updates ?? 0) - (written.hotUpdates ?? 0);
  return {
    key: `${kind} ${nameOf(index)}`,
    kind,
    schema,
    table,
    index: index.index,
    message: `the index ${index.index} of ${schema}.${table}: ${message}`,
    bytes,
    writesPerDay: rows === undefined || days <= 0 ? null : Math.round(rows / days),
    do: [
      {
        sql: `drop index concurrently ${quoted(schema)}.${quoted(index.index)}`,
        effect: 'Writes to the table no longer maintain it, and its disk space is free.',
        risk: 'A statement that runs less often than the statistics reach may need it: keep the undo.',
      },
    ],
    undo:
      definition && `${definition.replace(/^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)/, 'CREATE $1INDEX CONCURRENTLY ')}`,
  };
}

const nameOf = ({ schema, index }: { schema: string; index: string }) => `${schema}.${index}`;
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
