/** Alerts while there are items that used all their attempts, until they are run again or their jobs are deleted. */
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import type { WorkWatch } from '../sweeper/work-watch.ts';
import type { Alerts } from './alerts.ts';

const EVERY_MS = 5_000;
const IDLE_EVERY_MS = 60_000;
/** More are not counted, which would take longer than the alert is worth. */
const MAX_COUNTED = 10_000;
const KEY = 'batch dead letters ';
const COUNT = `
  select j.kind, count(*)::int as items, min(i.job_id::text) as job
  from (select job_id from tidemark.job_items where dead_letter and state = 'failed' limit $1::int) as i
  join tidemark.jobs j on j.id = i.job_id group by j.kind`;

export interface DeadLettersOptions {
  pool: Pool;
  work: Pick<WorkWatch, 'isBusy'>;
  alerts: Alerts;
  observe: (event: BatchEvent) => void;
}

export function watchDeadLetters({ pool, work, alerts, observe }: DeadLettersOptions): { stop(): void } {
  let lookedAt = Number.NEGATIVE_INFINITY;
  return every('dead letters', EVERY_MS, look, observe);

  async function look(): Promise<void> {
    // Only running work adds dead letters. An operator may delete their jobs, so they are counted when idle, too.
    const now = performance.now();
    if (!work.isBusy() && now - lookedAt < IDLE_EVERY_MS) return;
    lookedAt = now;
    const rows = await pool.query<{ kind: string; items: number; job: string }>(COUNT, [MAX_COUNTED]);
    const keys = new Set(rows.map(({ kind }) => KEY + kind));
    for (const { kind, items, job } of rows) {
      const count = items === MAX_COUNTED ? `${items} or more` : String(items);
      alerts.tell(KEY + kind, {
        severity: 'warning',
        message: `${count} items of the kind ${kind} used all their attempts`,
        hint: `tidemark.dead_letters lists them. Mend the cause, then run them again: select tidemark.retry_job('${job}').`,
      });
    }
    for (const key of alerts.told(KEY)) if (!keys.has(key)) alerts.resolve(key);
  }
}
