/** One load of a name at a time: neither many callers nor failures cause more than a few loads of it per second. */
import { LRUCache } from 'lru-cache';

export interface CoalescedLoadsOptions<T> {
  maxAgeMs: number;
  pauseMs: number;
  maxNames: number;
  /** Bytes of all values together; the value that was not used for longest is dropped. */
  maxBytes: number;
  bytesOf(value: T): number;
}

interface Load<T> {
  /** Time by performance.now(). */
  beganAt: number;
  value: Promise<T>;
}

export class CoalescedLoads<T> {
  readonly #options: CoalescedLoadsOptions<T>;
  readonly #loads: LRUCache<string, Load<T>>;
  /** Kept separately, so that names that fail do not displace those in use. */
  readonly #failed: LRUCache<string, Load<T>>;
  #next = new Map<string, Promise<T>>();

  constructor(options: CoalescedLoadsOptions<T>) {
    this.#options = options;
    this.#loads = new LRUCache({ max: options.maxNames, maxSize: options.maxBytes });
    this.#failed = new LRUCache({ max: options.maxNames });
  }

  get(name: string, load: () => Promise<T>): Promise<T> {
    const known = this.#loads.get(name);
    if (known && performance.now() - known.beganAt < this.#options.maxAgeMs) return known.value;
    return this.since(performance.now(), name, load);
  }

  /** Callers share the next load that begins at or after this moment (performance.now()). */
  since(moment: number, name: string, load: () => Promise<T>): Promise<T> {
    const known = this.#loads.get(name);
    if (known && known.beganAt >= moment) return known.value;
    const failed = this.#failed.get(name);
    if (failed && failed.beganAt >= moment) return failed.value;
    const waiting = this.#next.get(name);
    if (waiting) return waiting;
    const before = known ?? failed;
    if (!before) return this.#load(name, load);
    const next = this.#loadBehind(before, name, load);
    this.#next.set(name, next);
    return next;
  }

  async #loadBehind(before: Load<T>, name: string, load: () => Promise<T>): Promise<T> {
    // The callers of that load receive its failure; this load starts in any case.
    await before.value.catch(() => undefined);
    const ms = before.beganAt + this.#options.pauseMs - performance.now();
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    // Later callers may need values that are read after this load began.
    this.#next.delete(name);
    return this.#load(name, load);
  }

  #load(name: string, load: () => Promise<T>): Promise<T> {
    const entry = { beganAt: performance.now(), value: load() };
    this.#failed.delete(name);
    // The size of a value is known once it is loaded.
    this.#loads.set(name, entry, { size: 1 });
    entry.value.then(
      (value) => {
        if (this.#loads.peek(name) !== entry) return;
        // The cache takes the size of a new object only.
        this.#loads.set(name, { ...entry }, { size: Math.max(1, this.#options.bytesOf(value)) });
      },
      () => {
        if (this.#loads.peek(name) === entry) this.#loads.delete(name);
        this.#failed.set(name, entry);
      },
    );
    return entry.value;
  }
}
