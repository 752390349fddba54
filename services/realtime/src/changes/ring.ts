/** A ring buffer of recent envelopes, from which subscriptions catch up, limited in bytes and in age. */
import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope } from './envelope.ts';

export interface RingLimits {
  maxBytes: number;
  maxAgeMs: number;
}

/** Bytes charged for an envelope's parsed body (strings, images, maps) beside its own. */
const ENVELOPE_OVERHEAD_BYTES = 512;
/** Free places at the front after which the array is compacted. */
const COMPACT_AT = 1_024;

class Queue {
  #items: ChangeEnvelope[] = [];
  #head = 0;

  get first(): ChangeEnvelope | undefined {
    return this.#items[this.#head];
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: ChangeEnvelope): void {
    this.#items.push(item);
  }

  shift(): ChangeEnvelope | undefined {
    const item = this.#items[this.#head];
    if (!item) return undefined;
    this.#head += 1;
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  since(after: number): ChangeEnvelope[] {
    return this.#items.slice(this.#place(after));
  }

  next(after: number): ChangeEnvelope | undefined {
    return this.#items[this.#place(after)];
  }

  #place(after: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle] as ChangeEnvelope).sequence > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export class Ring {
  #limits: RingLimits;
  #all = new Queue();
  #byTable = new Map<string, Queue>();
  #bytes = 0;
  #floor: { sequence: number; lsn: Lsn } | undefined;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#all.length;
  }

  /** The ring holds every envelope with a higher sequence, and the whole of every transaction that ends above `lsn`. */
  get floor(): { sequence: number; lsn: Lsn } | undefined {
    return this.#floor;
  }

  reset(sequence: number, lsn: Lsn): void {
    this.#all = new Queue();
    this.#byTable.clear();
    this.#bytes = 0;
    this.#floor = { sequence, lsn };
  }

  clear(): void {
    this.reset(0, 0n);
    this.#floor = undefined;
  }

  push(envelope: ChangeEnvelope): void {
    this.#all.push(envelope);
    let queue = this.#byTable.get(envelope.table);
    if (!queue) {
      queue = new Queue();
      this.#byTable.set(envelope.table, queue);
    }
    queue.push(envelope);
    this.#bytes += envelope.bytes.length + ENVELOPE_OVERHEAD_BYTES;
    this.evict();
  }

  /** Drops the older half: who has not caught up to the rest resyncs. */
  halve(): void {
    this.evict(Date.now(), this.#bytes / 2);
  }

  evict(now: number = Date.now(), maxBytes: number = this.#limits.maxBytes): void {
    for (;;) {
      const first = this.#all.first;
      if (!first) return;
      const tooMuch = this.#bytes > maxBytes && this.#all.length > 1;
      if (!tooMuch && now - first.receivedAt <= this.#limits.maxAgeMs) return;
      this.#all.shift();
      const queue = this.#byTable.get(first.table);
      queue?.shift();
      if (queue?.length === 0) this.#byTable.delete(first.table);
      this.#bytes -= first.bytes.length + ENVELOPE_OVERHEAD_BYTES;
      this.#floor = { sequence: first.sequence, lsn: first.lsn };
    }
  }

  /** Returns the envelopes of a table after a sequence; undefined where some were dropped. */
  since(table: string, sequence: number): ChangeEnvelope[] | undefined {
    if (!this.#floor || sequence < this.#floor.sequence) return undefined;
    return this.#byTable.get(table)?.since(sequence) ?? [];
  }

  at(table: string, sequence: number): ChangeEnvelope | undefined {
    const found = this.#byTable.get(table)?.next(sequence - 1);
    return found?.sequence === sequence ? found : undefined;
  }
}
