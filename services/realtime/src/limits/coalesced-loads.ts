/** One load of a name at a time: neither many callers nor failures cause more than a few loads of it per second. */
export interface CoalescedLoadsOptions {
  maxAgeMs: number;
  pauseMs: number;
  maxNames: number;
}

interface Load<T> {
  /** Time by performance.now(). */
  beganAt: number;
  value: Promise<T>;
}

export class CoalescedLoads<T> {
  readonly #options: CoalescedLoadsOptions;
  #loads = new Map<string, Load<T>>();
  /** Kept separately, so that names that fail do not displace those in use. */
  #failed = new Map<string, Load<T>>();
  #next = new Map<string, Promise<T>>();

  constructor(options: CoalescedLoadsOptions) {
    this.#options = options;
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
    this.#keep(this.#loads, name, entry);
    entry.value.catch(() => {
      if (this.#loads.get(name) === entry) this.#loads.delete(name);
      this.#keep(this.#failed, name, entry);
    });
    return entry.value;
  }

  #keep(loads: Map<string, Load<T>>, name: string, entry: Load<T>): void {
    loads.delete(name);
    if (loads.size >= this.#options.maxNames) loads.delete(loads.keys().next().value as string);
    loads.set(name, entry);
  }
}
