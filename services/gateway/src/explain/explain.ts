/**
 * EXPLAIN of what would have been run, under the caller's identity. With `analyze` it is run and rolled back (sequences it
 * took from stay ahead). Plans belong to reports, so they run on the analytics pool; an analysed write takes the locks of a
 * write and runs on the write pool, as the analytics pool is read-only.
 */
import type { Database, Identity, Statement } from '@tidemark/db';
import { contentType, type PlanMedia } from '@tidemark/query';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { varyByIdentity } from '../reply/vary.ts';
import { type Asked, askedBy } from '../tracing/request-trace.ts';

export interface Explaining {
  media: PlanMedia;
  statement: Statement;
  identity: Identity;
  asked: Asked;
  /** The statement would change something. */
  writes: boolean;
}

interface PlanRow {
  /** Text by lines, or the JSON as parsed. */
  'QUERY PLAN': unknown;
}

/** Leaves the transaction with its rows, so that nothing of it stays. */
class RolledBack extends Error {
  readonly rows: readonly PlanRow[];

  constructor(rows: readonly PlanRow[]) {
    super('a plan changes nothing');
    this.rows = rows;
  }
}

export async function sendPlan(db: Database, request: FastifyRequest, reply: FastifyReply, explaining: Explaining) {
  const { media } = explaining;
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
