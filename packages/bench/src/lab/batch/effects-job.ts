/** Starts a stack, instances of batch and a job of the kind lab.effects, and waits for its end. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stack } from '@tidemark/local-stack';
import { answered, until } from '../../measuring/waiting.ts';
import type { Env } from '../../processes/server.ts';
import { type Finding, none, type TrialContext } from '../trial.ts';
import { checkEffects, EFFECTS_SQL } from './effects.ts';
import { type SupervisedBatch, superviseBatch } from './supervised-batch.ts';

export interface EffectsJob {
  readonly stack: Stack;
  readonly instances: readonly SupervisedBatch[];
  readonly items: number;
  /** Items whose results are written. */
  written(): Promise<number>;
  ended(withinMs: number): Promise<void>;
  /** Compares the database, the file store and the queue with what the job must leave. */
  check(failed: number): Promise<Finding[]>;
}

export interface EffectsOptions {
  readonly instances: number;
  readonly env: Env;
  readonly spec: {
    readonly items: number;
    readonly itemMs?: number;
    readonly segfault?: number;
    readonly allocate?: number;
  };
}

const KIND = fileURLToPath(new URL('./effects-kind.js', import.meta.url));
const DONE = ['succeeded', 'partly_failed', 'failed', 'cancelled'];

export async function startEffectsJob(context: TrialContext, options: EffectsOptions): Promise<EffectsJob> {
  const { spec } = options;
  const stack = await context.ownStack({ replica: false }, EFFECTS_SQL);
  const { primary, nats } = stack;
  const filesDir = await mkdtemp(join(tmpdir(), 'tidemark-lab-batch-'));
  await chmod(filesDir, 0o755);
  context.cleanup(() => rm(filesDir, { recursive: true, force: true }));
  const env = { BATCH_KINDS: KIND, BATCH_SWEEP_MS: '300', TIDEMARK_FILES_DIR: filesDir, ...options.env };
  const servers = { primaryUrl: primary.url, natsUrl: nats.url };
  const instances = await Promise.all(
    Array.from({ length: options.instances }, async (_, n) =>
      context.stopAtEnd(await superviseBatch(`batch-${n}`, servers, env)),
    ),
  );
  const job = randomUUID();
  await primary.query(
    `insert into tidemark.jobs (id, kind, spec, role) values ($1, 'lab.effects', $2::text::jsonb, 'service_role')`,
    [job, JSON.stringify(spec)],
  );
  // The trial terminates backends, among them that of this client.
  const ask = <T>(text: string) => answered(primary.query<T>(text, [job]));
  return {
    stack,
    instances,
    items: spec.items,
    async written() {
      const [row] = await ask<{ n: number }>(
        'select coalesce(sum(done + failed), 0)::int as n from tidemark.job_chunks where job_id = $1',
      );
      return row?.n ?? 0;
    },
    async ended(withinMs) {
      let told = '';
      await until(
        () => `the end of the job: ${told}`,
        async () => {
          const [row] = await ask<{ state: string; text: string }>(`
            select j.state, jsonb_build_object('job', to_jsonb(j) - 'spec', 'chunks', (
              select jsonb_object_agg(state, n) from (
                select state, count(*) as n from tidemark.job_chunks where job_id = j.id group by state) as s)) ::text as text
            from tidemark.jobs j where id = $1`);
          told = row?.text ?? '';
          return DONE.includes(row?.state ?? '');
        },
        withinMs,
      );
    },
    async check(failed) {
      const found = await checkEffects(primary, job, filesDir, { items: spec.items, failed });
      // A killed instance's messages come back after the 30 s that NATS waits for it, which is too long for a quick run.
      return context.quick ? found : [...found, await emptyQueue(stack)];
    },
  };
}

/** Names of all streams of the server, which the trial has for itself. */
export async function streamNames({ nats }: Stack): Promise<string[]> {
  return (await nats.request<{ streams: string[] | null }>('$JS.API.STREAM.NAMES')).streams ?? [];
}

/** A message of a chunk that is done may be left for a moment: its next receiver drops it. */
async function emptyQueue(stack: Stack): Promise<Finding> {
  let messages = -1;
  await until('the queue to be empty', async () => {
    const [work] = (await streamNames(stack)).filter((name) => name.endsWith('WORK'));
    const info = await stack.nats.request<{ state: { messages: number } }>(`$JS.API.STREAM.INFO.${work}`);
    messages = info.state.messages;
    return messages === 0;
  }).catch(() => undefined);
  return none('messages left on the queue', messages);
}
