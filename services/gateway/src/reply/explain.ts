/**
 * With `analyze` the statement is run and rolled back (sequences keep their new values), on the write pool if it
 * writes, as the analytics pool is read-only. Estimates, `Rows Removed by Filter`, buffers and conditions in a plan
 * reveal hidden rows, so a role gets no plan where a policy may hide rows from it.
 */

import type { Database, Identity, Statement } from '@tidemark/db';
import { type Catalog, findRelationship, mayHideRows, type Relation } from '@tidemark/plan';
import { contentType, type Level, type PlanMedia } from '@tidemark/query';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';
import { type Asked, askedBy } from '../request/asked.ts';
import { varyByIdentity } from './vary.ts';

export interface Explaining {
  media: PlanMedia;
  statement: Statement;
  identity: Identity;
  asked: Asked;
  tellsOfHidden: boolean;
  writes: boolean;
}

interface PlanRow {
  'QUERY PLAN': unknown;
}

/** A plan also reveals the tables and conditions of a view, which the view hides. */
export function tellsOfHidden(catalog: Catalog, relation: Relation, query: Level, role: string): boolean {
  if (catalog.bypassing.has(role)) return false;
  return mayHideRows(catalog, relation, query, role) || showsView(catalog, relation, query);
}

function showsView(catalog: Catalog, relation: Relation, level: Level): boolean {
  if (relation.kind !== 'table' && relation.kind !== 'partitioned table') return true;
  return level.select.some((item) => {
    if (item.kind !== 'embed') return false;
    const { to } = findRelationship(catalog, relation, item);
    const target = catalog.relation(to.schema, to.name);
    return target === undefined || showsView(catalog, target, item);
  });
}

/** Thrown to roll back the transaction, with the rows of the plan. */
class RolledBack extends Error {
  readonly rows: readonly PlanRow[];

  constructor(rows: readonly PlanRow[]) {
    super('the transaction of a plan is rolled back');
    this.rows = rows;
  }
}

export async function sendPlan(db: Database, request: FastifyRequest, reply: FastifyReply, explaining: Explaining) {
  const { media, identity } = explaining;
  if (explaining.tellsOfHidden) throw errors.PLAN_POLICY({ role: identity.role });
  const rows = await explain(db, { ...explaining, asked: askedBy(request, explaining.asked) });
  const lines = rows.map((row) => row['QUERY PLAN']);
  varyByIdentity(reply)
    .type(contentType(media))
    .header('cache-control', 'no-store')
    .header('tidemark-source', 'primary');
  return reply.send(media.format === 'json' ? JSON.stringify(lines[0]) : lines.join('\n'));
}

async function explain(db: Database, { media, statement, identity, asked, writes }: Explaining) {
  const pool = writes && media.options.includes('analyze') ? db.pools.write : db.pools.analytics;
  const text = `explain (${[`format ${media.format}`, ...media.options].join(', ')}) ${statement.text}`;
  try {
    return await pool.transaction<readonly PlanRow[]>(
      async (tx) => {
        throw new RolledBack(await tx.query<PlanRow>(text, statement.params));
      },
      { identity, ...asked },
    );
  } catch (error) {
    if (error instanceof RolledBack) return error.rows;
    throw error;
  }
}
