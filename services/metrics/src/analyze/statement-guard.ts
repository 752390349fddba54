/** Refuses statements that do more than read, and functions that act. Postgres itself refuses what is not one statement. */
import { statementShape } from '@tidemark/contracts';
import type { Transaction } from '@tidemark/db';
import { errors } from '../errors.ts';
import { nodesOf, type RawNode } from './plan-tree.ts';

/** Every word before a parenthesis may be a function; an operator's function acts only when it is run, which needs a fingerprint. */
const CALLS = /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*\(/gu;

const VOLATILE = `
select distinct proname as name from pg_proc where provolatile = 'v' and proname = any ($1::text[]) order by 1 limit 1`;

/**
 * @throws METRICS_ANALYZE_VOLATILE for a function that Postgres does not know to be free of effects, such as pg_sleep,
 * set_config or pg_terminate_backend. EXPLAIN would not run it; that nothing ran would look like a fast statement.
 */
export async function refuseVolatile(tx: Transaction, text: string): Promise<void> {
  const names = callsOf(text);
  if (names.length === 0) return;
  const [found] = await tx.query<{ name: string }>(VOLATILE, [names]);
  if (found) throw errors.ANALYZE_VOLATILE({ name: found.name });
}

/** @throws METRICS_ANALYZE_WRITES for SELECT … INTO, of which the plan shows nothing; `into` is a reserved word */
export function refuseInto(text: string): void {
  const words = statementShape(text).replace(/"(?:[^"]|"")*"/g, '""');
  if (/\binto\b/i.test(words)) throw errors.ANALYZE_WRITES({ relation: 'a new table' });
}

function callsOf(text: string): string[] {
  const names = [...statementShape(text).matchAll(CALLS)].map(([, quoted, word]) =>
    quoted === undefined ? (word as string).toLowerCase() : quoted.replaceAll('""', '"'),
  );
  return [...new Set(names)];
}

/** @throws METRICS_ANALYZE_WRITES where the plan changes rows, locks them, or would do so in a subquery */
export function refuseWrites(root: RawNode): void {
  for (const node of nodesOf(root)) {
    if (node['Node Type'] === 'ModifyTable' || node['Node Type'] === 'LockRows') {
      throw errors.ANALYZE_WRITES({ relation: node['Relation Name'] ?? 'a table' });
    }
  }
}
