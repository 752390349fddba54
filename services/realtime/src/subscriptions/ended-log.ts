/** Remembers how the last subscriptions of this instance ended, for the operators' explanations. */
import { LRUCache } from 'lru-cache';

export interface Ended {
  at: number;
  /** Undefined where the client unsubscribed or closed its socket. */
  reason: string | undefined;
}

/** An entry has about 150 bytes. The oldest is dropped first. */
const MAX_ENTRIES = 1_000;

export class EndedLog {
  #entries = new LRUCache<string, Ended>({ max: MAX_ENTRIES });

  add(sink: string, id: string, reason: string | undefined): void {
    this.#entries.set(`${sink}/${id}`, { at: Date.now(), reason });
  }

  find(sink: string, id: string): Ended | undefined {
    return this.#entries.get(`${sink}/${id}`);
  }
}
