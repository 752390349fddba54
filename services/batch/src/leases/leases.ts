import { Worker } from 'node:worker_threads';
import type { WorkMessage } from '@tidemark/contracts';
import type { DatabaseOptions } from '@tidemark/db';
import { every, type Repeating } from '@tidemark/service';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { type FromLeaseThread, keyOf, type LeaseThreadData, type ToLeaseThread } from './lease-messages.ts';

/**
 * The thread runs while chunks are held, and for a minute after the last one: it takes 10 MB, and asks Postgres for its position.
 */
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
const REST_AFTER_MS = 60_000;

interface Thread {
  send(message: ToLeaseThread): void;
  stop(): Promise<void>;
}

/** When the thread ends by itself, so does the process: without leases it can do nothing. */
export function createLeases(options: LeasesOptions): Leases {
  const { observe } = options;
  const beats = new SharedArrayBuffer(4);
  const beat = new Int32Array(beats);
  const held = new Map<string, () => void>();
  let problem: string | undefined;
  let thread: Thread | undefined;
  let stopping: Promise<unknown> = Promise.resolve();
  let resting: NodeJS.Timeout | undefined;
  /** Runs while a chunk is held. */
  let beating: Repeating | undefined;

  function onMessage(message: FromLeaseThread): void {
    if (message.type === 'lost') for (const key of message.keys) held.get(key)?.();
    else {
      problem = message.message;
      if (problem) observe({ type: 'leases.not_renewed', problem });
    }
  }

  function rest(): void {
    const ending = thread?.stop();
    thread = undefined;
    problem = undefined;
    stopping = Promise.all([stopping, ending]);
  }

  return {
    hold(chunk, itemMs, onLost) {
      const { job, attempt } = chunk;
      const message = { job, chunk: chunk.chunk, attempt };
      const key = keyOf(message);
      clearTimeout(resting);
      thread ??= startThread(options, beats, onMessage);
      const { send } = thread;
      held.set(key, onLost);
      beating ??= every('beat', BEAT_MS, () => void Atomics.add(beat, 0, 1), observe);
      send({ type: 'hold', chunk: message, itemMs });
      return () => {
        held.delete(key);
        send({ type: 'release', key });
        if (held.size > 0) return;
        beating?.stop();
        beating = undefined;
        clearTimeout(resting);
        resting = setTimeout(rest, REST_AFTER_MS).unref();
      };
    },
    problem: () => problem,
    async stop() {
      clearTimeout(resting);
      beating?.stop();
      rest();
      await stopping;
    },
  };
}

function startThread(
  { database, worker, leaseMs }: LeasesOptions,
  beats: SharedArrayBuffer,
  onMessage: (message: FromLeaseThread) => void,
): Thread {
  // One connection beside the one that watches the primary.
  const one = { min: 1, max: 1 };
  const options = { ...database, pools: { ...database.pools, write: { ...database.pools?.write, ...one } } };
  const data: LeaseThreadData = { database: options, worker, leaseMs, beats };
  const thread = new Worker(new URL('./lease-thread.js', import.meta.url), { workerData: data, execArgv: [] });
  let isStopping = false;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  thread.once('error', (cause) => {
    throw errors.LEASES_ENDED({ how: cause.message }, { cause });
  });
  thread.once('exit', (code) => {
    if (!isStopping) throw errors.LEASES_ENDED({ how: `exit code ${code}` });
  });
  thread.on('message', (message: FromLeaseThread) => {
    if (!isStopping) onMessage(message);
  });
  return {
    send: (message) => thread.postMessage(message),
    async stop() {
      isStopping = true;
      thread.postMessage({ type: 'stop' } satisfies ToLeaseThread);
      await ended;
    },
  };
}
