/** How the last subscriptions of this instance ended, so that who asks about one learns it. */
export interface Ended {
  /** ms since 1970 */
  at: number;
  /** Undefined where the client ended it, or closed its socket. */
  reason: string | undefined;
}

/** At some 150 bytes each; the oldest goes first. */
const KEPT = 1_000;

export class EndedLog {
  #entries = new Map<string, Ended>();

  add(sink: string, id: string, reason: string | undefined): void {
    const name = `${sink}/${id}`;
    this.#entries.delete(name);
    if (this.#entries.size >= KEPT) this.#entries.delete(this.#entries.keys().next().value as string);
    this.#entries.set(name, { at: Date.now(), reason });
  }

  find(sink: string, id: string): Ended | undefined {
    return this.#entries.get(`${sink}/${id}`);
  }
}
