/** Figures in Postgres: each minute for 48 hours, each quarter of an hour for 30 days. The instances in memory are not needed to read them. */
import type { Pool } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { Timeseries } from '../history/steps.ts';
import type { SampleRow } from './sample-rows.ts';

export interface Step {
  readonly seconds: 60 | 900;
  readonly keptMs: number;
}

export const MINUTES: Step = { seconds: 60, keptMs: 48 * 3_600_000 };
export const QUARTERS: Step = { seconds: 900, keptMs: 30 * 24 * 3_600_000 };
/** With its index and the space that VACUUM has not given back yet, the table has up to 256 MiB. */
const MAX_STORED_BYTES = 160 * 1024 ** 2;

const OPTIONS = { holder: { route: 'metrics store' }, timeoutMs: 5_000 };

/** The instance that has the lock writes; the others find the step written. */
const SAVE = `
with writer as materialized (select pg_try_advisory_xact_lock(hashtext('tidemark.metric_samples')) as is_ours)
insert into tidemark.metric_samples (step_s, at, source, figures)
select $1::int, to_timestamp($2::float8 / 1000), r.source, r.figures
from writer, jsonb_to_recordset($3::jsonb) as r (source text, figures jsonb)
where writer.is_ours and not exists (
  select from tidemark.metric_samples s where s.step_s = $1::int and s.at = to_timestamp($2::float8 / 1000))
on conflict do nothing`;

/** Names are built as in samples.ts, and filtered before the figures of many instances are added up. */
const READ = `
with named as (
  select s.at, f.value,
    case when s.source = '' then f.key
      else split_part(f.key, '@', 1) || '@' || s.source || coalesce('/' || nullif(split_part(f.key, '@', 2), ''), '') end as name
  from tidemark.metric_samples s, jsonb_each(s.figures) f
  where s.step_s = $1::int and s.at >= to_timestamp($2::float8 / 1000) and s.at < to_timestamp($3::float8 / 1000)
    and split_part(f.key, '@', 1) like any ($4::text[]))
select name, (extract(epoch from date_bin($5::float8 * interval '1 s', at, 'epoch')) * 1000)::float8 as at,
  avg(case jsonb_typeof(value) when 'array' then value->0 else value end::float8) as mean,
  min(case jsonb_typeof(value) when 'array' then value->1 else value end::float8) as min,
  max(case jsonb_typeof(value) when 'array' then value->2 else value end::float8) as max
from named where name like any ($6::text[]) group by 1, 2 order by 2, 1 limit $7::int`;

const PURGE = `
delete from tidemark.metric_samples where (step_s = 60 and at < now() - interval '48 hours')
  or (step_s = 900 and at < now() - interval '30 days')`;
const STORED = `select coalesce(sum(pg_column_size(s.*)), 0)::float8 as bytes from tidemark.metric_samples s`;
/** Some hours at a time, of both steps: what is recent matters most. */
const SHORTEN = `
delete from tidemark.metric_samples s using (
  select step_s, min(at) + (max(at) - min(at)) / 10 as until from tidemark.metric_samples group by step_s) o
where s.step_s = o.step_s and s.at <= o.until`;

export async function saveSamples(pool: Pool, step: Step, at: number, rows: readonly SampleRow[]): Promise<void> {
  await pool.query(SAVE, [step.seconds, at, JSON.stringify(rows)], OPTIONS);
}

/** Returns the bytes that are stored then. */
export async function purgeSamples(pool: Pool, maxBytes: number = MAX_STORED_BYTES): Promise<number> {
  await pool.query(PURGE, [], OPTIONS);
  const stored = async () => (await pool.query<{ bytes: number }>(STORED, [], OPTIONS))[0]?.bytes ?? 0;
  const bytes = await stored();
  if (bytes <= maxBytes) return bytes;
  await pool.query(SHORTEN, [], OPTIONS);
  return stored();
}

export interface SamplesQuery {
  step: Step;
  /** Names of series, or their beginning followed by `*`. */
  patterns: readonly string[];
  from: number;
  to: number;
  /** A multiple of the step's length. */
  seconds: number;
  maxPoints: number;
}

interface Point {
  name: string;
  at: number;
  mean: number;
  min: number;
  max: number;
}

/** @throws METRICS_POINTS_TOO_MANY */
export async function readSamples(pool: Pool, query: SamplesQuery): Promise<Omit<Timeseries, 'missing'>> {
  const { step, patterns, from, to, seconds, maxPoints } = query;
  const figures = patterns.map((pattern) =>
    likeOf(pattern.includes('@') ? (pattern.split('@')[0] as string) : pattern),
  );
  const params = [step.seconds, from, to, figures, seconds, patterns.map(likeOf), maxPoints + 1];
  const points = await pool.query<Point & Record<string, unknown>>(READ, params, OPTIONS);
  if (points.length > maxPoints) throw errors.POINTS_TOO_MANY({ count: points.length, limit: maxPoints });
  const at = [...new Set(points.map((point) => point.at))];
  const slots = new Map(at.map((time, slot) => [time, slot]));
  const series: Timeseries['series'] = {};
  for (const { name, at: time, mean, min, max } of points) {
    const empty = () => at.map(() => null);
    series[name] ??= { mean: empty(), min: empty(), max: empty() };
    const slot = slots.get(time) as number;
    series[name].mean[slot] = Number(mean.toPrecision(5));
    series[name].min[slot] = min;
    series[name].max[slot] = max;
  }
  return { at, series };
}

/** `_` and `%` are ordinary characters of names. */
const likeOf = (pattern: string) => pattern.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%');
