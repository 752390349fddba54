/** Keeps tidemark.idempotency_keys small: expired keys are removed in bounded steps, the rest is counted. */
import type { Database } from '@tidemark/db';
import { every, type Metrics } from '@tidemark/service';
import { errors } from '../errors.ts';

const INTERVAL_MS = 60_000;
/** Rows of one DELETE: a few ms, so that it never holds much at once. */
const STEP_ROWS = 1_000;
/** Steps of one round; what is left waits for the next. */
const MAX_STEPS = 100;

const SWEEP = `delete from tidemark.idempotency_keys where ctid = any (array(
  select ctid from tidemark.idempotency_keys where expires_at < now() limit ${STEP_ROWS} for update skip locked))`;
const COUNT = 'select count(*)::float8 as keys from tidemark.idempotency_keys';

export interface IdempotencySweeper {
  /** @throws GATEWAY_IDEMPOTENCY_FULL when the last count was at the limit */
  admit(): void;
  sweep(): Promise<void>;
  stop(): void;
}

export function startIdempotencySweeper(options: {
  db: Database;
  metrics: Metrics;
  maxKeys: number;
  onError: (error: Error) => void;
}): IdempotencySweeper {
  const { db, metrics, maxKeys, onError } = options;
  let keys = 0;
  metrics.gauge('tidemark_idempotency_keys', 'Idempotency-Keys kept, as last counted', [], (gauge) => gauge.set(keys));

  async function sweep(): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const { count } = await db.pools.admin.query(SWEEP);
      if (count < STEP_ROWS) break;
    }
    const [row] = await db.pools.admin.query<{ keys: number }>(COUNT);
    keys = row?.keys ?? 0;
  }

  const report = ({ error }: { error: Error }) => onError(error);
  const timer = every('idempotency keys', INTERVAL_MS, sweep, report, { keepsAlive: false });
  return {
    admit() {
      if (keys >= maxKeys) throw errors.IDEMPOTENCY_FULL({ keys });
    },
    sweep,
    stop: timer.stop,
  };
}
