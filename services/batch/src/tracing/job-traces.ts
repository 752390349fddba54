/**
 * The spans of a job: submission → plan → chunk → item. A chunk that runs again, because an item or its process failed, begins a trace
 * of its own with links to the plan and to the attempts before: a retry may come days later.
 */
import type { Pool } from '@tidemark/db';
import { parseTraceparent, type Span, type TraceContext, type Tracing } from '@tidemark/service';
import { LRUCache } from 'lru-cache';
import type { ClaimedChunk } from '../chunks/chunk-ledger.ts';
import { jobStatements } from '../jobs/job-statements.ts';
import type { PlannedItem } from '../jobs/plan-page.ts';

export interface JobTraces {
  plan(job: { id: string; kind: string; trace: string | null }): Span | undefined;
  chunk(chunk: ClaimedChunk): Promise<ChunkTrace | undefined>;
}

export interface ChunkTrace extends Pick<Span, 'end'> {
  item(item: PlannedItem): Span;
}

/** About 200 bytes each. */
const MAX_JOBS = 1_000;
/** A chunk has more items than a span should have links. */
const MAX_LINKS = 16;

/** Without tracing there are no spans, and no queries for them. */
export function createJobTraces(pool: Pool, tracing: Tracing | undefined): JobTraces {
  const traces = new LRUCache<string, { trace: TraceContext | undefined }>({ max: MAX_JOBS });

  /** Returns the span of the job's planning. It is kept before its first chunk is, and changes no more. */
  async function traceOf(job: string): Promise<TraceContext | undefined> {
    const known = traces.get(job);
    if (known) return known.trace;
    const [row] = await pool.query<{ trace: string | null }>(jobStatements.trace, [job]);
    const trace = parseTraceparent(row?.trace);
    traces.set(job, { trace });
    return trace;
  }

  return {
    plan: ({ id, kind, trace }) =>
      tracing?.start('plan', {
        kind: 'consumer',
        parent: parseTraceparent(trace),
        attributes: { 'tidemark.job': id, 'tidemark.kind': kind },
      }),
    async chunk({ job, chunk, kind, attempt, losses, items }) {
      if (!tracing) return undefined;
      const startedAt = Date.now();
      const trace = await traceOf(job);
      const attributes = { 'tidemark.job': job, 'tidemark.kind': kind, 'tidemark.chunk': chunk };
      const runsAgain = attempt > 1 || losses > 0 || items.some((item) => item.attempts > 0 || item.again);
      const span = tracing.start('chunk', {
        kind: 'consumer',
        startedAt,
        attributes: { ...attributes, 'tidemark.attempt': attempt, 'tidemark.items': items.length },
        ...(runsAgain ? { links: linksOf(trace, items) } : { parent: trace }),
      });
      return {
        end: span.end,
        item: (item) =>
          tracing.start('item', {
            kind: 'internal',
            parent: span.context,
            links: linksOf(undefined, [item]),
            attributes: { ...attributes, 'tidemark.item': item.index, 'tidemark.attempt': item.attempts + 1 },
          }),
      };
    },
  };
}

function linksOf(trace: TraceContext | undefined, items: readonly PlannedItem[]): TraceContext[] {
  const spans = new Set(items.flatMap((item) => item.trace ?? []));
  const before = [...spans].slice(0, MAX_LINKS).map(parseTraceparent);
  return [trace, ...before].filter((context) => context !== undefined);
}
