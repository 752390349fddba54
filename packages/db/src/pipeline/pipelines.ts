/**
 * One or two connections carry many short reads at once, each a transaction of its own (writer.ts), so identities
 * never mix. A slow statement holds up those behind it: only known short ones are pipelined (statements/stats.ts).
 */

import type { Lease } from '../pool/lease.ts';
import type { LeaseSource } from '../pool/lease-source.ts';
import { setTimeoutOf } from '../transactions/transaction.ts';
import type { Holder } from '../types.ts';
import { Pipeline } from './pipeline.ts';
import { PipelinedRead, type PipelineRequest } from './pipelined-read.ts';

/** Longer reads are cancelled and repeated on a connection of their own. Above SHORT_MS, since a busy machine stalls any read. */
const PIPELINE_TIMEOUT_MS = 100;
/** At 5 ms each, the last of them waits a third of a second; beyond that an exclusive connection is faster. */
const MAX_PENDING = 64;
const IDLE_MS = 5_000;

export class Pipelines {
  readonly #pool: LeaseSource;
  readonly #max: number;
  readonly #pipelines = new Set<Pipeline>();
  #opening = false;

  constructor(pool: LeaseSource, max: number) {
    this.#pool = pool;
    this.#max = max;
  }

  get pending(): number {
    let pending = 0;
    for (const pipeline of this.#pipelines) pending += pipeline.pending;
    return pending;
  }

  get idleConnections(): number {
    let idle = 0;
    for (const pipeline of this.#pipelines)
      if (pipeline.pending === 0 && pipeline.lease.connection.state === 'busy') idle++;
    return idle;
  }

  /** Returns false when no pipeline has room: take an exclusive connection. Else `onDone` is called once. */
  send(
    request: PipelineRequest,
    holder: Holder | undefined,
    timeoutMs: number,
    onDone: (read: PipelinedRead) => void,
  ): boolean {
    if (timeoutMs !== 0 && timeoutMs < PIPELINE_TIMEOUT_MS) return false;
    const pipeline = this.#pick(request.sessionSafe);
    if (pipeline === undefined) return false;
    const read = new PipelinedRead(request, holder, this.#pool.answers, (done) => {
      this.#finish(pipeline);
      onDone(done);
    });
    if (pipeline.pending++ === 0) this.#pool.meter.addBusy(1);
    try {
      pipeline.writer.send(read, timeoutMs);
    } catch (error) {
      this.#finish(pipeline);
      throw error;
    }
    return true;
  }

  sweep(now: number): void {
    for (const pipeline of this.#pipelines) {
      if (pipeline.pending > 0) continue;
      const idleMs = now - Math.max(pipeline.openedAt, pipeline.reader.answeredAt);
      if (!pipeline.isUsable || idleMs > IDLE_MS) this.#giveBack(pipeline);
    }
  }

  close(): void {
    for (const pipeline of this.#pipelines) if (pipeline.pending === 0) this.#giveBack(pipeline);
  }

  #finish(pipeline: Pipeline): void {
    if (--pipeline.pending > 0) return;
    this.#pool.meter.addBusy(-1);
    if (!pipeline.isUsable || this.#pool.isClosed) this.#giveBack(pipeline);
  }

  /** The one with the fewest pending reads; a session-safe read joins a transaction that is about to leave. */
  #pick(sessionSafe: boolean): Pipeline | undefined {
    let best: Pipeline | undefined;
    let shared: Pipeline | undefined;
    let usable = 0;
    for (const pipeline of this.#pipelines) {
      if (!pipeline.isUsable) continue;
      usable++;
      if (sessionSafe && pipeline.writer.hasRoom && pipeline.pending < MAX_PENDING) shared = pipeline;
      if (best === undefined || pipeline.pending < best.pending) best = pipeline;
    }
    // The first pipeline opens on demand, the second when each has pending reads.
    if (usable < this.#max && (best === undefined || best.pending > 0)) void this.#open();
    best = shared ?? best;
    return best !== undefined && best.pending < MAX_PENDING ? best : undefined;
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#pipelines.size >= this.#max) return;
    this.#opening = true;
    let lease: Lease | undefined;
    try {
      lease = await this.#pool.acquire('none', { holder: { route: 'pipeline' } });
      this.#pool.share(lease);
      // Awaited, since the driver must be idle when its socket is taken over.
      await setTimeoutOf(lease.connection, PIPELINE_TIMEOUT_MS);
      const pipeline = this.#pool.isClosed ? undefined : Pipeline.on(lease, this.#pool.meter);
      if (pipeline === undefined) return;
      this.#pipelines.add(pipeline);
      lease = undefined;
    } catch {
      // The pool has counted and reported the error; the reads take an exclusive connection and meet it there.
    } finally {
      if (lease !== undefined) this.#pool.release(lease);
      this.#opening = false;
    }
  }

  #giveBack(pipeline: Pipeline): void {
    if (!this.#pipelines.delete(pipeline)) return;
    pipeline.giveBack();
    this.#pool.release(pipeline.lease);
  }
}

export function pipelinesOf(max: number): number {
  if (max >= 8) return 2;
  return max >= 3 ? 1 : 0;
}
