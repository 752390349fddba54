/** Remembers how the last subscriptions of this instance ended, for the operators' explanations. */
export interface Ended {
  at: number;
  /** Undefined where the client unsubscribed or closed its socket. */
  reason: string | undefined;
}

/** An entry has about 150 bytes. The oldest is dropped first. */
const MAX_ENTRIES = 1_000;

export class EndedLog {
  #entries = new Map<string, Ended>();

  add(sink: string, id: string, reason: string | undefined): void {
    const name = `${sink}/${id}`;
    this.#entries.delete(name);
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value as string);
    this.#entries.set(name, { at: Date.now(), reason });
  }

  find(sink: string, id: string): Ended | undefined {
    return this.#entries.get(`${sink}/${id}`);
  }
}
