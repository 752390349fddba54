/** A durable stack with gateway, relay and one instance of batch, and a client that submits jobs by HTTP. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from '@tidemark/local-stack';
import { errors } from '../errors.ts';
import type { TrialContext } from '../lab/trial.ts';
import { pause, until } from '../measuring/waiting.ts';
import type { Env, ServerProcess } from '../processes/server.ts';
import { signToken, startService } from '../processes/services.ts';

export interface BatchServices {
  readonly stack: Stack;
  readonly batch: ServerProcess;
  readonly filesDir: string;
  /** Submits a job as a user does, by default as a service; resolves to its id. */
  submit(kind: string, spec: object, sub?: string): Promise<string>;
  /** Resolves when the job has ended, to the seconds between its insertion and its end, by Postgres's clock. */
  seconds(job: string, items: number): Promise<number>;
}

/** A checkpoint would slow down one round; with 4 GB of WAL there is none. */
const DURABLE = { checkpoint_timeout: '1h', max_wal_size: '4GB' };
const LOOK_MS = 200;
const JOB_MS = 600_000;

export async function startBatchServices(context: TrialContext, env: Env = {}, sql?: string): Promise<BatchServices> {
  const stack = await context.ownStack({ durable: true, replica: false, postgresSettings: DURABLE }, sql);
  const id = randomBytes(4).toString('hex');
  const filesDir = join(tmpdir(), `tidemark-bench-batch-${id}`);
  context.cleanup(() => rm(filesDir, { recursive: true, force: true }));
  const servers = { primaryUrl: stack.primary.url, natsUrl: stack.nats.url };
  const shared = {
    LOG_LEVEL: process.env.LAB_LOG ?? 'error',
    TIDEMARK_FILES_DIR: filesDir,
    RATE_LIMITS: 'off',
    WORK_LIMITS: 'off',
    ...env,
  };
  const start = async (name: 'gateway' | 'realtime' | 'batch') =>
    context.stopAtEnd(await startService(name, servers, { env: shared }));
  const [gateway, batch] = await Promise.all([start('gateway'), start('batch'), start('realtime')]);
  return {
    stack,
    batch,
    filesDir,
    async submit(kind, spec, sub) {
      const token = await signToken(sub === undefined ? { role: 'service_role' } : { sub });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ kind, spec });
      const response = await fetch(`${gateway.url}/api/v1/jobs`, { method: 'POST', headers, body });
      const text = await response.text();
      if (response.status !== 202)
        throw errors.WRONG_ANSWER({ what: 'POST /api/v1/jobs', status: response.status, text });
      return (JSON.parse(text) as { id: string }).id;
    },
    async seconds(job, items) {
      let text = '';
      await until(
        () => `a job to succeed: ${text}`,
        async () => {
          const [row] = await stack.primary.query<{ text: string; over: boolean }>(
            `select to_jsonb(j)::text as text, finished_at is not null as over from tidemark.jobs j where id = $1`,
            [job],
          );
          text = row?.text ?? 'it is not there';
          // The times are Postgres's, and each look costs the job some of it.
          if (!row?.over) await pause(LOOK_MS);
          return row?.over ?? false;
        },
        JOB_MS,
      );
      const [row] = await stack.primary.query<{ seconds: number; recorded: number; state: string }>(
        `select extract(epoch from finished_at - created_at)::float8 as seconds, state,
           (select count(*)::int from tidemark.job_items where job_id = id and state = 'succeeded') as recorded
         from tidemark.jobs where id = $1`,
        [job],
      );
      if (row?.recorded !== items || row.state !== 'succeeded') {
        throw errors.NO_ANSWER({ reason: `batch recorded ${row?.recorded} of ${items} items: ${text}` });
      }
      return row.seconds;
    },
  };
}
