/**
 * Pipeline: one or two connections of a pool that many requests share. Each read is one transaction, contiguous on the wire
 * (pipeline/wire.ts), so claims never mix; nobody waits for a connection, and the server always has the next one at hand.
 * The risk is that a slow statement holds up those behind it: only statements known to be short are pipelined (statements/stats.ts),
 * under a short statement_timeout.
 */

import type { Lease } from '../pool/lease.ts';
import type { LeaseSource } from '../pool/lease-source.ts';
import { setTimeoutOf } from '../transactions/transaction.ts';
import type { Holder } from '../types.ts';
import { PipelinedRead, type Ticket } from './pipelined-read.ts';
import { PipelineWire } from './wire.ts';

/** Reads over this are cut off and repeated on a connection of their own. Above SHORT_MS, since a busy machine stalls anyone. */
const PIPELINE_TIMEOUT_MS = 100;
/** At 5 ms each, the last one in line waits a third of a second; beyond it, an exclusive connection is the faster way. */
const MAX_PENDING = 64;
/** A pipeline without pending reads gives its connection back after this. */
const IDLE_MS = 5_000;

class Pipeline {
  readonly lease: Lease;
  readonly wire: PipelineWire;
  pending = 0;
  readonly openedAt: number = performance.now();

  constructor(lease: Lease, wire: PipelineWire) {
    this.lease = lease;
    this.wire = wire;
  }

  get isUsable(): boolean {
    const { connection } = this.lease;
    return (
      connection.state === 'busy' && connection.isFresh && !connection.prepared.wantsMeasure && !this.wire.isSpoilt
    );
  }
}

export class Pipelines {
  readonly #pool: LeaseSource;
  readonly #most: number;
  readonly #pipelines = new Set<Pipeline>();
  #opening = false;

  constructor(pool: LeaseSource, most: number) {
    this.#pool = pool;
    this.#most = most;
  }

  get pending(): number {
    let pending = 0;
    for (const pipeline of this.#pipelines) pending += pipeline.pending;
    return pending;
  }

  /** Connections that are held, but carry nobody at the moment. */
  get idleConnections(): number {
    let idle = 0;
    for (const pipeline of this.#pipelines)
      if (pipeline.pending === 0 && pipeline.lease.connection.state === 'busy') idle++;
    return idle;
  }

  /**
   * False when no pipeline has room: take an exclusive connection. Else `onArrival` is called once, with the rows or the error in the read.
   * Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED, with nothing sent.
   */
  send(
    ticket: Ticket,
    holder: Holder | undefined,
    timeoutMs: number,
    onArrival: (read: PipelinedRead) => void,
  ): boolean {
    if (timeoutMs !== 0 && timeoutMs < PIPELINE_TIMEOUT_MS) return false;
    const pipeline = this.#pick(ticket.inert);
    if (pipeline === undefined) return false;
    const read = new PipelinedRead(ticket, holder, this.#pool.answers, (arrived) => {
      this.#finish(pipeline);
      onArrival(arrived);
    });
    if (pipeline.pending++ === 0) this.#pool.meter.addBusy(1);
    try {
      pipeline.wire.send(read, timeoutMs);
    } catch (error) {
      this.#finish(pipeline);
      throw error;
    }
    return true;
  }

  /** Called at the pool's sweep: gives back what is idle or worn out. */
  sweep(now: number): void {
    for (const pipeline of this.#pipelines) {
      if (
        pipeline.pending === 0 &&
        (!pipeline.isUsable || now - Math.max(pipeline.openedAt, pipeline.wire.answeredAt) > IDLE_MS)
      )
        this.#giveBack(pipeline);
    }
  }

  /** No more reads; those that were sent are answered. */
  close(): void {
    for (const pipeline of this.#pipelines) if (pipeline.pending === 0) this.#giveBack(pipeline);
  }

  #finish(pipeline: Pipeline): void {
    if (--pipeline.pending > 0) return;
    this.#pool.meter.addBusy(-1);
    if (!pipeline.isUsable || this.#pool.isClosed) this.#giveBack(pipeline);
  }

  /** The least busy one, but where a transaction is about to leave, those that may share it do. */
  #pick(inert: boolean): Pipeline | undefined {
    let best: Pipeline | undefined;
    let shared: Pipeline | undefined;
    let usable = 0;
    for (const pipeline of this.#pipelines) {
      if (!pipeline.isUsable) continue;
      usable++;
      if (inert && pipeline.wire.hasRoom && pipeline.pending < MAX_PENDING) shared = pipeline;
      if (best === undefined || pipeline.pending < best.pending) best = pipeline;
    }
    // The first pipeline on demand, a second one when each of them has pending reads.
    if (usable < this.#most && (best === undefined || best.pending > 0)) void this.#open();
    best = shared ?? best;
    return best !== undefined && best.pending < MAX_PENDING ? best : undefined;
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#pipelines.size >= this.#most) return;
    this.#opening = true;
    try {
      const lease = await this.#pool.acquire('none', { holder: { route: 'pipeline' } });
      this.#pool.share(lease);
      // Answered before the driver is put aside.
      await setTimeoutOf(lease.connection, PIPELINE_TIMEOUT_MS);
      const wire = lease.connection.state === 'busy' ? PipelineWire.on(lease.connection, this.#pool.meter) : undefined;
      if (wire === undefined || this.#pool.isClosed) this.#pool.release(lease);
      else this.#pipelines.add(new Pipeline(lease, wire));
    } catch {
      // The pool has counted and told why; the reads take an exclusive connection and meet the error there.
    } finally {
      this.#opening = false;
    }
  }

  #giveBack(pipeline: Pipeline): void {
    if (!this.#pipelines.delete(pipeline)) return;
    pipeline.wire.giveBack();
    if (pipeline.wire.isSpoilt) pipeline.lease.connection.close();
    this.#pool.release(pipeline.lease);
  }
}

/** Pipelines of a pool with `max` connections; the rest is left to statements that are not short. */
export function pipelinesOf(max: number): number {
  if (max >= 8) return 2;
  return max >= 3 ? 1 : 0;
}
