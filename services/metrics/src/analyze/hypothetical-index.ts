/** Proves that an index would help: hypopg shows the planner an index that does not exist, in this session alone. */
import type { Transaction } from '@tidemark/db';
import type { PlanFinding } from './plan-findings.ts';

/** Each takes two plans. */
const MAX_PROVED = 3;
const SCHEMA = `
select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'hypopg' and has_schema_privilege(n.oid, 'usage')`;

/**
 * Adds to each proposed index what the statement would cost with it; null where this database has no hypopg.
 * @param costNow plans the statement again, and returns its whole cost
 */
export async function proveIndexes(
  tx: Transaction,
  findings: readonly PlanFinding[],
  costBefore: number,
  costNow: () => Promise<number>,
): Promise<PlanFinding[]> {
  const proposed = findings.filter(({ kind, do: remedies }) => kind === 'sequential scan' && remedies.length > 0);
  if (proposed.length === 0) return [...findings];
  const [hypopg] = await tx.query<{ schema: string }>(SCHEMA);
  const proved = new Map<PlanFinding, number>();
  for (const finding of hypopg === undefined ? [] : proposed.slice(0, MAX_PROVED)) {
    const statement = finding.do[0]?.sql.replace('create index concurrently', 'create index');
    await tx.query(`select from ${hypopg?.schema}.hypopg_create_index($1)`, [statement]);
    proved.set(finding, await costNow());
    await tx.query(`select ${hypopg?.schema}.hypopg_reset()`);
  }
  return findings.map((finding) => {
    if (!proposed.includes(finding)) return finding;
    return { ...finding, cost: { before: costBefore, after: proved.get(finding) ?? null } };
  });
}
