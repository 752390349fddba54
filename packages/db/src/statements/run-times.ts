/**
 * The class of a request for a connection, by the measured times of its statement: `long` where the p95 is over LONG_MS. Long leases
 * leave a part of the pool alone, so that one slow function does not stop all other statements.
 *
 * A statement that was never measured counts as long as well, except for the first request: so an unknown slow statement takes one
 * connection of that part at most, and any other unknown one is measured at once.
 */
export type LeaseClass = 'short' | 'long';
export const CLASSES: readonly LeaseClass[] = ['short', 'long'];

/** Four connections of twenty then serve at least sixteen short statements a second, each of them within 250 ms. */
export const LONG_MS = 250;
/** A p95 over LONG_MS means that more than this part of the runs took longer. */
const LONG_PART = 0.05;
/** Runs older than this count for half a window at most, if there are newer ones. */
const HALF_WINDOW_MS = 30_000;
const MIN_RUNS = 20;
/** A lease that runs for longer than LONG_MS makes its statement long for this time, renewed while it runs. */
const OVERRUN_MS = 5_000;

/** The times of one statement, or of the transactions of one route. */
export class RunTimes {
  /** Requests that wait for a connection or have one. */
  #requests = 0;
  #runs = 0;
  #long = 0;
  #runsBefore = 0;
  #longBefore = 0;
  #turnsAt = 0;
  #longUntil = 0;

  /** Returns the class of a new request, which counts until `ended` or `left`. */
  begin(now: number): LeaseClass {
    const leaseClass = this.#classAt(now);
    this.#requests++;
    return leaseClass;
  }

  /** The request got no connection. */
  left(): void {
    this.#requests--;
  }

  ended(heldMs: number, now: number): void {
    this.#requests--;
    if (now >= this.#turnsAt && this.#runs >= MIN_RUNS) {
      this.#runsBefore = this.#runs;
      this.#longBefore = this.#long;
      this.#runs = this.#long = 0;
    }
    if (this.#runs === 0) this.#turnsAt = now + HALF_WINDOW_MS;
    this.#runs++;
    if (heldMs > LONG_MS) this.#long++;
  }

  /** A request has held its connection for longer than LONG_MS, and still does. */
  overran(now: number): void {
    this.#longUntil = now + OVERRUN_MS;
  }

  #classAt(now: number): LeaseClass {
    if (now < this.#longUntil) return 'long';
    const runs = this.#runs + this.#runsBefore;
    if (runs === 0) return this.#requests === 0 ? 'short' : 'long';
    return this.#long + this.#longBefore > runs * LONG_PART ? 'long' : 'short';
  }
}
