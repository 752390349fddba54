/**
 * Records the time that statements took each day, and tells each morning which are new or got worse. The instance that notifies writes the
 * days; they are kept for a month.
 */
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { Statements } from '../collectors/statements/collector.ts';
import { MAX_WINDOW_S } from '../collectors/statements/window.ts';
import type { ServiceEvent } from '../events.ts';

export interface DigestEntry {
  kind: 'new' | 'slower';
  shape: string;
  text: string;
  calls: number;
  totalMs: number;
  meanMs: number;
  /** The mean of the week before; null for a new one. */
  meanBeforeMs: number | null;
}

export interface StatementDaysOptions {
  pool: () => Pool;
  statements: () => Statements | undefined;
  isLeader: () => boolean;
  book: Pick<AlertBook, 'report'>;
  observe: (event: ServiceEvent) => void;
}

/** The rest of the statements takes little time. */
const MAX_WRITTEN = 300;
const MAX_NAMED = 5;
const HOLDER = { holder: { route: 'statement days' }, timeoutMs: 10_000 };

const WRITE = `
insert into tidemark.statement_days (day, shape, text, calls, total_ms)
select (now() at time zone 'UTC')::date, s.* from json_to_recordset($1::json) as s(shape text, text text, calls float8, "totalMs" float8)
on conflict (day, shape) do update set calls = statement_days.calls + excluded.calls, total_ms = statement_days.total_ms + excluded.total_ms`;
const PURGE = "delete from tidemark.statement_days where day < (now() at time zone 'UTC')::date - 30";
/** Less than ten seconds a day is not worth a word, and without two days before nothing is known to be new. */
const DIGEST = `
with before as (
  select shape, sum(calls) as calls, sum(total_ms) as total_ms from tidemark.statement_days
  where day < $1::date and day >= $1::date - 7 group by shape
)
select case when b.shape is null then 'new' else 'slower' end as kind, d.shape, d.text, d.calls, d.total_ms as "totalMs",
  d.total_ms / d.calls as "meanMs", b.total_ms / b.calls as "meanBeforeMs"
from tidemark.statement_days d left join before b on b.shape = d.shape
where d.day = $1::date and d.total_ms >= 10000 and (b.shape is null or d.total_ms / d.calls >= 2 * b.total_ms / b.calls)
  and (select count(distinct day) from tidemark.statement_days where day < $1::date and day >= $1::date - 7) >= 2
order by d.total_ms desc limit 50`;
const WAS_TOLD = 'select from tidemark.alerts where key = $1 limit 1';

export function startStatementDays(options: StatementDaysOptions): { stop(): void } {
  return every('statement days', MAX_WINDOW_S * 1_000, () => recordDay(options, Date.now()), options.observe);
}

/** Adds what ran in the last quarter of an hour to today, and tells the digest of yesterday once. */
export async function recordDay(
  { pool, statements, isLeader, book }: StatementDaysOptions,
  now: number,
): Promise<void> {
  const collected = statements();
  if (!collected || !isLeader()) return;
  const byShape = new Map<string, { shape: string; text: string; calls: number; totalMs: number }>();
  for (const { own, shape, text, calls, totalMs } of collected.within(MAX_WINDOW_S).statements) {
    if (own || calls === 0) continue;
    const known = byShape.get(shape);
    if (known === undefined) byShape.set(shape, { shape, text, calls, totalMs });
    else {
      known.calls += calls;
      known.totalMs += totalMs;
    }
  }
  const written = [...byShape.values()].sort((a, b) => b.totalMs - a.totalMs).slice(0, MAX_WRITTEN);
  await pool().query(WRITE, [JSON.stringify(written)], HOLDER);
  await pool().query(PURGE, [], HOLDER);
  const day = new Date(now - 86_400_000).toISOString().slice(0, 10);
  const key = `statements digest ${day}`;
  if ((await pool().query(WAS_TOLD, [key], HOLDER)).length > 0) return;
  const digest = await readDigest(pool(), day);
  if (digest.length === 0) return;
  book.report({ key, rule: 'statements.digest', severity: 'info', subject: day, ...digestText(digest) }, now);
}

/** @param day such as 2026-01-31, in UTC */
export async function readDigest(pool: Pool, day: string): Promise<DigestEntry[]> {
  return [...(await pool.query<DigestEntry & Record<string, unknown>>(DIGEST, [day], HOLDER))];
}

function digestText(digest: readonly DigestEntry[]): { message: string; hint: string } {
  const news = digest.filter(({ kind }) => kind === 'new').length;
  const lines = digest.slice(0, MAX_NAMED).map(({ kind, text, calls, meanMs, meanBeforeMs }) => {
    const before = meanBeforeMs === null ? '' : `, before ${meanBeforeMs.toFixed(1)} ms`;
    return `${kind}: ${calls} calls of ${meanMs.toFixed(1)} ms${before}: ${text.slice(0, 120)}`;
  });
  return {
    message: `${news} statements are new and ${digest.length - news} got slower. ${lines.join('; ')}`,
    hint: 'GET /api/v1/performance/queries/digest has all of them.',
  };
}
