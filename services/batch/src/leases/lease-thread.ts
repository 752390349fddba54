/** Renews the leases of chunks in a thread that runs no kind's code, so that a kind that blocks the event loop keeps its lease. */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkMessage } from '@tidemark/contracts';
import { type Database, openDatabase, type Pool } from '@tidemark/db';
import { createBlockedLoop, type HeldChunk } from './blocked-loop.ts';
import { type FromLeaseThread, keyOf, type LeaseThreadData, type ToLeaseThread } from './lease-messages.ts';
import { leaseStatements } from './lease-statements.ts';

interface Held extends HeldChunk {
  chunk: WorkMessage;
}

/** A cancelled job must start nothing more within a second, also where no message of the relay arrives. */
const LOOK_MS = 300;
const RETRY_MS = 1_000;
const port = parentPort!;
const { database: options, worker, leaseMs, beats } = workerData as LeaseThreadData;
const beat = new Int32Array(beats);
const blockedLoop = createBlockedLoop();
// The runner bounds the number of chunks.
const held = new Map<string, Held>();
let problem: string | undefined;
let renewedAt = performance.now();

let isStopping = false;
/** Runs while a chunk is held. */
let timer: NodeJS.Timeout | undefined;
let asking: Promise<void> | undefined;

port.on('message', (message: ToLeaseThread) => {
  if (message.type === 'hold') hold(message);
  else if (message.type === 'release') held.delete(message.key);
  else void stop();
});
/** A lease lasts for long enough to open the database anew. Undefined: the thread is to stop. */
const opening = open();

async function open(): Promise<Database | undefined> {
  while (!isStopping) {
    try {
      return await openDatabase(options);
    } catch (error) {
      setProblem((error as Error).message);
      await pause(RETRY_MS);
    }
  }
  return undefined;
}

function hold(message: Extract<ToLeaseThread, { type: 'hold' }>): void {
  held.set(keyOf(message.chunk), message);
  if (timer !== undefined) return;
  renewedAt = performance.now();
  timer = setInterval(look, LOOK_MS);
}

function look(): void {
  const reason = blockedLoop.look(performance.now(), Atomics.load(beat, 0), held.values());
  if (reason) endProcess(reason);
  if (held.size === 0) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  asking ??= ask().finally(() => {
    asking = undefined;
  });
}

async function ask(): Promise<void> {
  const pool = (await opening)?.pools.write;
  if (pool === undefined) return;
  const chunks = [...held.values()].map(({ chunk }) => chunk);
  try {
    if (performance.now() - renewedAt >= leaseMs / 3) await renew(pool, chunks);
    else tell(await pool.query<WorkMessage>(leaseStatements.lost, [worker, JSON.stringify(chunks)]));
    setProblem(undefined);
  } catch (error) {
    // The lease lasts for two more renewals; after it another runner may claim the chunk, and the result of this one is refused.
    setProblem((error as Error).message);
  }
}

async function renew(pool: Pool, chunks: WorkMessage[]): Promise<void> {
  const startedAt = performance.now();
  const ours = await pool.query<WorkMessage>(leaseStatements.renew, [worker, leaseMs, JSON.stringify(chunks)]);
  renewedAt = startedAt;
  const keys = new Set(ours.map(keyOf));
  tell(chunks.filter((chunk) => !keys.has(keyOf(chunk))));
}

function tell(lost: readonly WorkMessage[]): void {
  const keys: string[] = [];
  for (const chunk of lost) {
    const entry = held.get(keyOf(chunk));
    if (!entry || entry.lostAt !== undefined) continue;
    entry.lostAt = performance.now();
    keys.push(keyOf(chunk));
  }
  if (keys.length > 0) send({ type: 'lost', keys });
}

function setProblem(message: string | undefined): void {
  if (message !== problem) send({ type: 'problem', message });
  problem = message;
}

function send(message: FromLeaseThread): void {
  port.postMessage(message);
}

/** The log belongs to the blocked event loop, so the line goes straight to the output. */
function endProcess(reason: string): void {
  const msg = `${reason}: the process ends itself, and its chunks run again elsewhere`;
  writeSync(
    2,
    `${JSON.stringify({ level: 'fatal', time: Date.now(), service: 'batch', event: 'loop.blocked', msg })}\n`,
  );
  process.kill(process.pid, 'SIGKILL');
}

async function stop(): Promise<void> {
  isStopping = true;
  clearInterval(timer);
  await asking;
  await (await opening)?.close(1_000);
  port.close();
}
