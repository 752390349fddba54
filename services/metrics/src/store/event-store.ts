import type { Pool } from '@tidemark/db';
import type { TimelineEvent } from '../timeline/timeline.ts';

const OPTIONS = { holder: { route: 'metrics store' }, timeoutMs: 5_000 };
/** A statement of 200 events has at most 250 KB. */
export const MAX_EVENTS_SAVED = 200;

const SAVE = `
insert into tidemark.timeline_events (at, type, subject, message, lsn)
select to_timestamp(at / 1000), type, subject, message, lsn
from jsonb_to_recordset($1::jsonb) as r (at float8, type text, subject text, message text, lsn text)`;
const NEWEST = `
select (extract(epoch from at) * 1000)::float8 as at, type, subject, message, lsn
from tidemark.timeline_events order by id desc limit $1::int`;
const PURGE = `
delete from tidemark.timeline_events where at < now() - interval '30 days'
  or id <= (select id from tidemark.timeline_events order by id desc offset 10000 limit 1)`;

export type StoredEvent = Omit<TimelineEvent, 'id'>;

export async function saveEvents(pool: Pool, events: readonly TimelineEvent[]): Promise<void> {
  await pool.query(SAVE, [JSON.stringify(events)], OPTIONS);
}

/** Oldest first. */
export async function newestEvents(pool: Pool, limit: number): Promise<StoredEvent[]> {
  const rows = await pool.query<StoredEvent & Record<string, unknown>>(NEWEST, [limit], OPTIONS);
  return rows.map((row) => ({ ...row, at: Math.round(row.at) })).reverse();
}

export async function purgeEvents(pool: Pool): Promise<void> {
  await pool.query(PURGE, [], OPTIONS);
}
