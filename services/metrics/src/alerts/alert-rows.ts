/** Alerts as rows of tidemark.alerts: live for operators, and remembered over restarts. */
import type { Pool } from '@tidemark/db';
import type { AlertState } from './alert.ts';

/** A statement of 100 alerts has at most 500 KB. */
export const MAX_ROWS = 100;
const HOLDER = { holder: { route: 'alerts' }, timeoutMs: 5_000 };

const SAVE = `
insert into tidemark.alerts (id, key, rule, severity, subject, message, hint, started_at, ended_at, sent, settled)
select id, key, rule, severity, subject, message, hint,
  to_timestamp(started_at / 1000), to_timestamp(ended_at / 1000), sent, settled
from jsonb_to_recordset($1::jsonb) as r (id uuid, key text, rule text, severity text, subject text, message text, hint text,
  started_at float8, ended_at float8, sent jsonb, settled boolean)
on conflict (id) do update set severity = excluded.severity, message = excluded.message, hint = excluded.hint,
  ended_at = excluded.ended_at, sent = excluded.sent, settled = excluded.settled, updated_at = clock_timestamp()`;

const UNSETTLED = `
select id::text, key, rule, severity, subject, message, hint, sent,
  (extract(epoch from started_at) * 1000)::float8 as "startedAt", (extract(epoch from ended_at) * 1000)::float8 as "endedAt"
from tidemark.alerts where not settled order by started_at desc limit $1::int`;

/** Rows settled for 30 days, and beyond the newest 10,000, some at a time. */
const PURGE = `
delete from tidemark.alerts where id in (
  select id from tidemark.alerts where settled and (ended_at < now() - interval '30 days'
    or ended_at < (select ended_at from tidemark.alerts where settled order by ended_at desc offset 10000 limit 1))
  order by ended_at limit 1000)`;

export async function saveAlerts(pool: Pool, alerts: readonly AlertState[], isSettled: (alert: AlertState) => boolean) {
  const rows = alerts.map((alert) => ({
    ...alert,
    started_at: alert.startedAt,
    ended_at: alert.endedAt,
    settled: isSettled(alert),
  }));
  await pool.query(SAVE, [JSON.stringify(rows)], HOLDER);
}

export async function unsettledAlerts(pool: Pool, limit: number): Promise<AlertState[]> {
  const rows = await pool.query<Omit<AlertState, 'lastActiveAt' | 'muted'>>(UNSETTLED, [limit], HOLDER);
  return rows.map((row) => ({ ...row, lastActiveAt: row.endedAt ?? row.startedAt, muted: false }));
}

export async function purgeAlerts(pool: Pool): Promise<void> {
  await pool.query(PURGE, [], HOLDER);
}
