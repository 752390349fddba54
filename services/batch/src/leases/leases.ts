import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { WorkMessage } from '@tidemark/contracts';
import type { DatabaseOptions } from '@tidemark/db';
import { every, type Repeating } from '@tidemark/service';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { type FromLeaseThread, keyOf, type LeaseThreadData, type ToLeaseThread } from './lease-messages.ts';

export interface Leases {
  /** Renews the lease of a claimed chunk until the returned function is called. `onLost` is called when its results would be refused. */
  hold(chunk: WorkMessage, itemMs: number, onLost: () => void): () => void;
  problem(): string | undefined;
  stop(): Promise<void>;
}

export interface LeasesOptions {
  database: Omit<DatabaseOptions, 'observe'>;
  worker: string;
  leaseMs: number;
  observe: (event: BatchEvent) => void;
}

const BEAT_MS = 250;

/** Rejects when the database does not answer. When the thread ends later, so does the process: without leases it can do nothing. */
export async function startLeases({ database, worker, leaseMs, observe }: LeasesOptions): Promise<Leases> {
  const beats = new SharedArrayBuffer(4);
  const beat = new Int32Array(beats);
  // One connection beside the one that watches the primary.
  const one = { min: 1, max: 1 };
  const options = { ...database, pools: { ...database.pools, write: { ...database.pools?.write, ...one } } };
  const data: LeaseThreadData = { database: options, worker, leaseMs, beats };
  const thread = new Worker(new URL('./lease-thread.js', import.meta.url), { workerData: data, execArgv: [] });
  const held = new Map<string, () => void>();
  let problem: string | undefined;
  let isStopping = false;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  // An 'error' while it starts rejects.
  const [first] = (await once(thread, 'message')) as [FromLeaseThread];
  if (first.type !== 'ready') throw errors.LEASES_ENDED({ how: first.type });
  thread.once('error', (cause) => {
    throw errors.LEASES_ENDED({ how: cause.message }, { cause });
  });
  thread.once('exit', (code) => {
    if (!isStopping) throw errors.LEASES_ENDED({ how: `exit code ${code}` });
  });
  thread.on('message', (message: FromLeaseThread) => {
    if (message.type === 'lost') for (const key of message.keys) held.get(key)?.();
    else if (message.type === 'problem') {
      problem = message.message;
      if (problem) observe({ type: 'leases.not_renewed', problem });
    }
  });
  /** Runs while a chunk is held. */
  let beating: Repeating | undefined;
  const send = (message: ToLeaseThread) => thread.postMessage(message);

  return {
    hold(chunk, itemMs, onLost) {
      const { job, attempt } = chunk;
      const message = { job, chunk: chunk.chunk, attempt };
      const key = keyOf(message);
      held.set(key, onLost);
      beating ??= every('beat', BEAT_MS, () => void Atomics.add(beat, 0, 1), observe);
      send({ type: 'hold', chunk: message, itemMs });
      return () => {
        held.delete(key);
        send({ type: 'release', key });
        if (held.size > 0) return;
        beating?.stop();
        beating = undefined;
      };
    },
    problem: () => problem,
    async stop() {
      isStopping = true;
      beating?.stop();
      send({ type: 'stop' });
      await ended;
    },
  };
}
