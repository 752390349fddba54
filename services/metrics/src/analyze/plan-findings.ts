/** Finds what is wrong with a plan: in words, with the remedy as SQL. */
import { type Static, Type } from 'typebox';
import { actualRows, quoted, type RawNode, relationOf } from './plan-tree.ts';

export const PlanFinding = Type.Object({
  kind: Type.Enum(['sequential scan', 'misestimate', 'spill', 'nested loop', 'function per row']),
  relation: Type.Union([Type.String(), Type.Null()]),
  message: Type.String(),
  do: Type.Array(Type.Object({ sql: Type.String(), effect: Type.String(), risk: Type.String() })),
  cost: Type.Optional(
    Type.Object(
      { before: Type.Number(), after: Type.Union([Type.Number(), Type.Null()]) },
      {
        description:
          'cost of the statement without and with the proposed index; after is null without hypopg: unproved',
      },
    ),
  ),
});
export type PlanFinding = Static<typeof PlanFinding>;

/** Below so many rows a sequential scan is faster than an index. */
const MIN_SCANNED_ROWS = 10_000;
/** A filter that keeps at most this share of the rows is selective. */
const MAX_SELECTIVE_SHARE = 0.1;
const MIN_MISESTIMATE = 10;
/** An estimate of 1 for 30 rows changes no plan. */
const MIN_MISESTIMATED_ROWS = 1_000;
const MIN_INNER_ROWS = 100_000;

/** Rows by relation, as Postgres estimates them (pg_class.reltuples). */
export type RelationRows = ReadonlyMap<string, number>;

export interface PlanFacts {
  rows: RelationRows;
  /** Functions that are not of Postgres itself, by name. */
  functions: ReadonlySet<string>;
}

/** Each node is looked at by each rule; a node below another may be found as well. */
export function planFindings(root: RawNode, facts: PlanFacts): PlanFinding[] {
  const found: PlanFinding[] = [];
  const visit = (raw: RawNode) => {
    for (const rule of [sequentialScan, misestimate, spill, nestedLoop, functionPerRow]) {
      const finding = rule(raw, facts);
      if (finding) found.push(finding);
    }
    for (const child of raw.Plans ?? []) visit(child);
  };
  visit(root);
  return found;
}

function sequentialScan(raw: RawNode, { rows }: PlanFacts): PlanFinding | undefined {
  const relation = relationOf(raw);
  if (raw['Node Type'] !== 'Seq Scan' || raw.Filter === undefined || relation === null) return undefined;
  const removed = raw['Rows Removed by Filter'];
  const loops = raw['Actual Loops'] ?? 1;
  const kept = removed === undefined ? raw['Plan Rows'] : (raw['Actual Rows'] ?? 0);
  const scanned = removed === undefined ? (rows.get(relation) ?? 0) : removed + kept;
  if (scanned < MIN_SCANNED_ROWS || kept > scanned * MAX_SELECTIVE_SHARE) return undefined;
  const columns = columnsOf(raw.Filter);
  const times = loops > 1 ? `, ${loops} times` : '';
  return {
    kind: 'sequential scan',
    relation,
    message: `all of about ${Math.round(scanned)} rows of ${relation} are read${times} for the ${Math.round(kept)} that pass the filter`,
    do:
      columns.length === 0
        ? []
        : [
            {
              sql: `create index concurrently on ${relation} (${columns.join(', ')})`,
              effect: 'Postgres can read the rows that pass alone.',
              risk: 'Each write to the table keeps one more index; building it reads the whole table. Drop it if pg_stat_user_indexes shows no scans.',
            },
          ],
  };
}

/** Equality first: an index can use columns of a range only behind those of equalities. */
function columnsOf(filter: string): string[] {
  const found = [
    ...filter.matchAll(
      /\(+((?:"(?:[^"]|"")+"|[a-z_][\w$]*)(?:\.(?:"(?:[^"]|"")+"|[a-z_][\w$]*))?)\)?(?:::[\w ]+)? (=|<=?|>=?) /gi,
    ),
  ];
  const names = (equal: boolean) =>
    found
      .filter(([, , operator]) => (operator === '=') === equal)
      .map(([, name]) => (name as string).split('.').at(-1) as string);
  return [...new Set([...names(true), ...names(false).slice(0, 1)])].slice(0, 3);
}

function misestimate(raw: RawNode): PlanFinding | undefined {
  const actual = actualRows(raw);
  const loops = raw['Actual Loops'] ?? 0;
  if (actual === null || loops === 0) return undefined;
  const estimated = raw['Plan Rows'] * loops;
  const factor = Math.max(actual, 1) / Math.max(estimated, 1);
  const off = Math.max(factor, 1 / factor);
  const relation = relationOf(raw);
  if (off < MIN_MISESTIMATE || Math.max(actual, estimated) < MIN_MISESTIMATED_ROWS || relation === null)
    return undefined;
  return {
    kind: 'misestimate',
    relation,
    message: `Postgres expected ${Math.round(estimated)} rows of ${relation} and found ${Math.round(actual)}: its plan is made for other data`,
    do: [
      {
        sql: `analyze ${relation}`,
        effect:
          'Postgres takes a new sample of the table. If the estimate stays wrong, create statistics on the columns of the filter together.',
        risk: 'Plans of other statements on the table may change.',
      },
    ],
  };
}

function spill(raw: RawNode): PlanFinding | undefined {
  const isSort = raw['Sort Space Type'] === 'Disk';
  const batches = raw['Hash Batches'] ?? 1;
  if (!isSort && batches <= 1) return undefined;
  const usedKb = isSort ? (raw['Sort Space Used'] ?? 0) : (raw['Peak Memory Usage'] ?? 0) * batches;
  // In memory a sort takes about two and a half times its space on disk.
  const megabytes = 2 ** Math.ceil(Math.log2(Math.max(1, (usedKb * (isSort ? 2.5 : 1.25)) / 1024)));
  return {
    kind: 'spill',
    relation: null,
    message: isSort
      ? `a sort by ${(raw['Sort Key'] ?? []).join(', ')} writes ${Math.round(usedKb / 1024)} MB to disk, since work_mem is too small`
      : `a hash table is written to disk in ${batches} parts, since work_mem is too small`,
    do: [
      {
        sql: `set work_mem = '${megabytes}MB'`,
        effect: 'It stays in memory. For a role: alter role … set work_mem.',
        risk: 'Each sort and hash of each session may take as much.',
      },
    ],
  };
}

function nestedLoop(raw: RawNode): PlanFinding | undefined {
  const [outer, inner] = raw.Plans ?? [];
  if (raw['Node Type'] !== 'Nested Loop' || outer === undefined || inner === undefined) return undefined;
  const wasRun = inner['Actual Rows'] !== undefined;
  const loops = inner['Actual Loops'] ?? outer['Plan Rows'];
  const removed = raw['Rows Removed by Join Filter'] ?? 0;
  const each = wasRun ? (inner['Actual Rows'] ?? 0) : inner['Plan Rows'];
  const pairs = loops * each + removed;
  if (pairs < MIN_INNER_ROWS || isKeyed(inner)) return undefined;
  const relation = relationOf(inner) ?? relationOf(inner.Plans?.[0] ?? inner);
  const columns = columnsOf(raw['Join Filter'] ?? '');
  return {
    kind: 'nested loop',
    relation,
    message: raw['Join Filter']
      ? `each of ${Math.round(loops)} rows is compared with each row of ${relation ?? 'the other side'}: about ${Math.round(pairs)} pairs`
      : `each of ${Math.round(loops)} rows is joined with each row of ${relation ?? 'the other side'}: about ${Math.round(pairs)} pairs, as there is no condition between them`,
    do:
      relation === null || columns.length === 0
        ? []
        : [
            {
              sql: `create index concurrently on ${relation} (${columns[0]})`,
              effect: 'Postgres can look the partners up.',
              risk: 'Each write to the table keeps one more index.',
            },
          ],
  };
}

/** The inner side looks its rows up by the outer one. */
const isKeyed = (inner: RawNode): boolean =>
  inner['Index Cond'] !== undefined || inner['Node Type'] === 'Memoize' || (inner.Plans ?? []).some(isKeyed);

function functionPerRow(raw: RawNode, { functions, rows }: PlanFacts): PlanFinding | undefined {
  const relation = relationOf(raw);
  const filter = raw.Filter ?? raw['Join Filter'];
  if (filter === undefined || relation === null || (rows.get(relation) ?? 0) < MIN_SCANNED_ROWS) return undefined;
  const called = [...filter.matchAll(/((?:"(?:[^"]|"")+"|[a-z_][\w$]*))\(/gi)].map(([, name]) =>
    (name as string).replaceAll('"', ''),
  );
  const own = called.find((name) => functions.has(name));
  if (own === undefined) return undefined;
  return {
    kind: 'function per row',
    relation,
    message: `the filter on ${relation} calls ${own} for each of its rows`,
    do: [
      {
        sql: `select p.oid::regprocedure, p.provolatile, p.procost from pg_proc p where p.proname = '${own.replaceAll("'", "''")}'`,
        effect: `Shows whether ${quoted(own)} is marked stable or immutable: then a call without columns runs once, as (select ${quoted(own)}(…)), and an immutable one can be indexed.`,
        risk: 'None: it only reads.',
      },
    ],
  };
}
