/** Keeps tidemark.idempotency_keys small: removes expired keys in bounded steps, then counts the rest. */
import type { Database } from '@tidemark/db';
import { every, type Metrics } from '@tidemark/service';
import { type CountedKeys, type IdempotencyLimits, KeyBudget, ROW_BYTES } from './key-budget.ts';

const INTERVAL_MS = 60_000;
/** Rows of one DELETE, which takes a few ms and so holds few locks at a time. */
const STEP_ROWS = 1_000;
const MAX_STEPS = 100;

const SWEEP = `delete from tidemark.idempotency_keys where ctid = any (array(
  select ctid from tidemark.idempotency_keys where expires_at < now() limit ${STEP_ROWS} for update skip locked))`;
/** The 1,000 identities with most keys or bytes are counted apart: more than can be over their share. Lengths are known without reading the texts. */
const COUNT = `with each as (
    select split_part(scope, ' ', 1) as identity, count(*)::float8 as keys,
           sum(octet_length(body) + octet_length(headers::text) + octet_length(key) + ${ROW_BYTES})::float8 as bytes
      from tidemark.idempotency_keys group by 1)
  select null as identity, coalesce(sum(keys), 0) as keys, coalesce(sum(bytes), 0) as bytes from each
  union all
  (select identity, keys, bytes from each order by greatest(keys / $1::float8, bytes / $2::float8) desc limit 1000)`;

export interface IdempotencySweeper {
  readonly budget: KeyBudget;
  sweep(): Promise<void>;
  stop(): void;
}

export function startIdempotencySweeper(options: {
  db: Database;
  metrics: Metrics;
  limits: IdempotencyLimits;
  onError: (error: Error) => void;
}): IdempotencySweeper {
  const { db, metrics, limits, onError } = options;
  const budget = new KeyBudget(limits);
  metrics.gauge(
    'tidemark_idempotency_keys',
    'Stored Idempotency-Keys: the last count and those of this gateway since',
    [],
    (gauge) => gauge.set(budget.keys.used),
  );
  metrics.gauge('tidemark_idempotency_bytes', 'Bytes of the replies kept for Idempotency-Keys', [], (gauge) =>
    gauge.set(budget.bytes.used),
  );

  async function sweep(): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const { count } = await db.pools.admin.query(SWEEP);
      if (count < STEP_ROWS) break;
    }
    budget.counted(await db.pools.admin.query<CountedKeys>(COUNT, [limits.keys, limits.bytes]));
  }

  const timer = every('idempotency keys', INTERVAL_MS, sweep, ({ error }) => onError(error), { keepsAlive: false });
  return { budget, sweep, stop: timer.stop };
}
