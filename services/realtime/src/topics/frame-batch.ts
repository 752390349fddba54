/** Mode `every` collects whole frames for one write, and mode `latest` the newest change of each key for one frame. */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';

export interface TakenBatch {
  frames: readonly Buffer[];
  /** JSON texts of the latest changes, oldest first. */
  latest: readonly string[];
  changes: number;
  envelopes: ReadonlyMap<ChangeEnvelope, number>;
  last: ChangeEnvelope;
}

/** Changes after which a batch is sent at once: a write of 250 KB at 1 KB a change. */
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

  replace(key: string, text: string, change: RowChange, envelope: ChangeEnvelope): boolean {
    const older = this.#latest.get(key);
    // Deleting the key first orders the batch by the newest changes.
    if (older) {
      this.#latest.delete(key);
      this.#replaced.add(older.change);
    }
    this.#latest.set(key, { text, change });
    this.#count(older ? 0 : 1, envelope);
    return older !== undefined;
  }

  holds(envelope: ChangeEnvelope): boolean {
    return this.#envelopes.has(envelope);
  }

  /** The answer is known as long as the ring holds the change. */
  wasReplaced(change: RowChange): boolean {
    return this.#replaced.has(change);
  }

  take(): TakenBatch | undefined {
    const last = this.#last;
    if (!last) return undefined;
    const taken: TakenBatch = {
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
    return taken;
  }

  #count(changes: number, envelope: ChangeEnvelope): void {
    this.#changes += changes;
    this.#envelopes.set(envelope, (this.#envelopes.get(envelope) ?? 0) + changes);
    this.#last = envelope;
  }
}
