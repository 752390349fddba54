/**
 * Changes of a topic that wait a moment for others. Of every change, as whole frames, which then leave in one write; or of
 * the latest alone, as the newest text of each key, which then leave in one frame.
 */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';

export interface Kept {
  frames: readonly Buffer[];
  /** JSON texts of the latest changes, oldest first. */
  latest: readonly string[];
  changes: number;
  /** What was kept of which transactions, for the figures. */
  envelopes: ReadonlyMap<ChangeEnvelope, number>;
  last: ChangeEnvelope;
}

/** What is more leaves at once. At a kilobyte a change, a write of a quarter of a megabyte. */
const MAX_CHANGES = 250;

export class FrameBatch {
  #frames: Buffer[] = [];
  #latest = new Map<string, { text: string; change: RowChange }>();
  #replaced = new WeakSet<RowChange>();
  #changes = 0;
  #envelopes = new Map<ChangeEnvelope, number>();
  #last: ChangeEnvelope | undefined;

  get isFull(): boolean {
    return this.#changes >= MAX_CHANGES;
  }

  add(frame: Buffer, changes: number, envelope: ChangeEnvelope): void {
    this.#frames.push(frame);
    this.#count(changes, envelope);
  }

  /** @returns whether an older change of the key was dropped for it */
  replace(key: string, text: string, change: RowChange, envelope: ChangeEnvelope): boolean {
    const older = this.#latest.get(key);
    // Deleted first, so that the order is that of the newest changes.
    if (older) {
      this.#latest.delete(key);
      this.#replaced.add(older.change);
    }
    this.#latest.set(key, { text, change });
    this.#count(older ? 0 : 1, envelope);
    return older !== undefined;
  }

  /** Whether something of the envelope waits. */
  holds(envelope: ChangeEnvelope): boolean {
    return this.#envelopes.has(envelope);
  }

  /** Whether it was dropped for a newer change of its key. Known as long as the ring keeps the change. */
  wasReplaced(change: RowChange): boolean {
    return this.#replaced.has(change);
  }

  /** Undefined where nothing waits. */
  take(): Kept | undefined {
    const last = this.#last;
    if (!last) return undefined;
    const kept: Kept = {
      frames: this.#frames,
      latest: [...this.#latest.values()].map(({ text }) => text),
      changes: this.#changes,
      envelopes: this.#envelopes,
      last,
    };
    this.#frames = [];
    this.#latest = new Map();
    this.#changes = 0;
    this.#envelopes = new Map();
    this.#last = undefined;
    return kept;
  }

  #count(changes: number, envelope: ChangeEnvelope): void {
    this.#changes += changes;
    this.#envelopes.set(envelope, (this.#envelopes.get(envelope) ?? 0) + changes);
    this.#last = envelope;
  }
}
