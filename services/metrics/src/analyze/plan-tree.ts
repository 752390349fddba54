/** The plan of EXPLAIN (FORMAT JSON) as a tree with the time that each node takes itself. */

/** A node as Postgres writes it; the names are those of its JSON format. */
export interface RawNode {
  'Node Type': string;
  'Plan Rows': number;
  'Total Cost': number;
  'Actual Total Time'?: number;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Workers Launched'?: number;
  'Subplan Name'?: string;
  'CTE Name'?: string;
  'Relation Name'?: string;
  Schema?: string;
  Alias?: string;
  'Index Name'?: string;
  Filter?: string;
  'Join Filter'?: string;
  'Hash Cond'?: string;
  'Merge Cond'?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  'Sort Key'?: string[];
  'Sort Method'?: string;
  'Sort Space Used'?: number;
  'Sort Space Type'?: string;
  'Hash Batches'?: number;
  'Peak Memory Usage'?: number;
  'Temp Written Blocks'?: number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: RawNode[];
}

export interface PlanNode {
  node: string;
  /** Quoted where needed. */
  relation: string | null;
  index: string | null;
  /** Conditions of the index, the join and the filter, without literals. */
  conditions: string[];
  /** Null where the caller may not know it: row-level security applies, or the right to SELECT is missing. */
  rows: { estimated: number; actual: number | null } | null;
  cost: number | null;
  loops: number | null;
  /** Time of the node and all below it, over all loops, in ms of the wall clock; null: it was not run. */
  ms: number | null;
  /** Its part without the nodes below: never negative, and the sum over the tree is `ms` of the root. */
  selfMs: number | null;
  children: PlanNode[];
}

/** Returns the tree. `withFigures` false: the shape alone, without costs, rows and times. */
export function planTree(root: RawNode, withFigures: boolean, show: (condition: string) => string): PlanNode {
  const times = inclusiveTimes(root);
  return build(root, times.get(root), { times, withFigures, show });
}

interface Build {
  times: ReadonlyMap<RawNode, number>;
  withFigures: boolean;
  show: (condition: string) => string;
}

/**
 * `budget` is the time that remains for this node. Postgres measures a subplan where it is attached and again where it
 * is used, so the parts may exceed the whole: they are then scaled to it.
 */
function build(raw: RawNode, budget: number | undefined, how: Build): PlanNode {
  const { times, withFigures, show } = how;
  const plans = raw.Plans ?? [];
  const sum = plans.reduce((total, child) => total + (times.get(child) ?? 0), 0);
  const scale = budget !== undefined && sum > budget ? budget / sum : 1;
  const children = plans.map((child) => {
    const ms = times.get(child);
    return build(child, ms === undefined ? undefined : ms * scale, how);
  });
  const own = withFigures ? budget : undefined;
  return {
    node: raw['Subplan Name'] ? `${raw['Node Type']} (${raw['Subplan Name']})` : raw['Node Type'],
    relation: relationOf(raw),
    index: raw['Index Name'] ?? null,
    conditions: conditionsOf(raw).map(show),
    rows: withFigures ? { estimated: raw['Plan Rows'], actual: actualRows(raw) } : null,
    cost: withFigures ? raw['Total Cost'] : null,
    loops: withFigures ? (raw['Actual Loops'] ?? null) : null,
    ms: own ?? null,
    selfMs: own === undefined ? null : Math.max(0, own - sum * scale),
    children,
  };
}

/** Times are per loop. Below a Gather the loops are those of all processes, which run at the same time. */
function inclusiveTimes(root: RawNode): Map<RawNode, number> {
  const times = new Map<RawNode, number>();
  const ctes = new Map<string, number>();
  const visit = (raw: RawNode, processes: number): void => {
    const below = raw['Workers Launched'] === undefined ? processes : raw['Workers Launched'] + 1;
    for (const child of raw.Plans ?? []) visit(child, below);
    const { 'Actual Total Time': time, 'Actual Loops': loops } = raw;
    if (time === undefined || loops === undefined) return;
    let ms = (time * loops) / Math.max(1, Math.min(processes, loops));
    const cte = raw['Subplan Name']?.startsWith('CTE ') ? raw['Subplan Name'].slice(4) : undefined;
    if (cte !== undefined) ctes.set(cte, ms);
    // The first scan of a CTE runs it, so its time is in the scan, too.
    const scanned = raw['Node Type'] === 'CTE Scan' ? raw['CTE Name'] : undefined;
    if (scanned !== undefined) {
      ms = Math.max(0, ms - (ctes.get(scanned) ?? 0));
      ctes.set(scanned, 0);
    }
    times.set(raw, ms);
  };
  visit(root, 1);
  return times;
}

/** Rows of all loops together. */
export function actualRows(raw: RawNode): number | null {
  const { 'Actual Rows': rows, 'Actual Loops': loops } = raw;
  return rows === undefined || loops === undefined ? null : rows * loops;
}

export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

export function relationOf(raw: RawNode): string | null {
  const { 'Relation Name': name, Schema: schema } = raw;
  if (name === undefined) return null;
  return schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
}

function conditionsOf(raw: RawNode): string[] {
  const all = [
    raw['Index Cond'],
    raw['Recheck Cond'],
    raw['Hash Cond'],
    raw['Merge Cond'],
    raw['Join Filter'],
    raw.Filter,
  ];
  return all.filter((condition) => condition !== undefined);
}

export function* nodesOf(raw: RawNode): Generator<RawNode> {
  yield raw;
  for (const child of raw.Plans ?? []) yield* nodesOf(child);
}
