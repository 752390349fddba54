/** How far a job is, in one line: bar, counts, items in a second and the time left. */
import type { TimedJob } from '@tidemark/client';

const WIDTH = 30;

type Shown = Pick<TimedJob, 'state' | 'total' | 'done' | 'failed' | 'planned_all' | 'rate' | 'eta' | 'waits_for'>;

/** @param now ms since the epoch, to which the time left is relative */
export function progressLine(job: Shown, now: number): string {
  const parts = [barOfJob(job), counts(job), job.state];
  if (job.failed > 0) parts.push(`${number(job.failed)} failed`);
  if (job.state === 'running' && job.rate !== null) parts.push(`${rate(job.rate)} items/s`);
  if (job.eta !== null) parts.push(`${duration((Date.parse(job.eta) - now) / 1_000)} left`);
  if (job.waits_for !== null) parts.push(`waits for ${job.waits_for}`);
  return parts.join('  ');
}

/** The bar of a job whose source may have more items is empty: its share is not known. */
const barOfJob = (job: Shown) => bar(shareOf(job));

/** @param share from 0 to 1 */
export function bar(share: number): string {
  const filled = Math.floor(share * WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]`;
}

function shareOf({ total, done, failed, planned_all, state }: Shown): number {
  if (total === 0) return state === 'succeeded' ? 1 : 0;
  return planned_all ? Math.min(1, (done + failed) / total) : 0;
}

export function counts({ total, done, failed, planned_all }: Pick<Shown, 'total' | 'done' | 'failed' | 'planned_all'>) {
  return `${number(done + failed)} of ${number(total)}${planned_all ? '' : ' or more'}`;
}

export const number = (value: number) => value.toLocaleString('en-US');
export const rate = (value: number) => (value < 10 ? value.toFixed(1) : number(Math.round(value)));

/** Returns `45 s`, `3 min 20 s` or `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}
