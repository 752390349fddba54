/** Between a connection that does not wait and a loop that takes its time: bounded, and honest about what it dropped. */

/** At 1 KB an event, ten megabytes. */
const MAX_EVENTS = 10_000;

export class EventQueue<Event> {
  #instead: () => Event;
  #events: Event[] = [];
  #isBehind = false;
  #error: Error | undefined;
  #isOver = false;
  #wake: (() => void) | undefined;

  /** @param instead what to read in place of events that were dropped, made when it is read */
  constructor(instead: () => Event) {
    this.#instead = instead;
  }

  push(events: readonly Event[]): void {
    if (this.#isBehind) return;
    if (this.#events.length + events.length > MAX_EVENTS && this.#events.length > 0) {
      this.#events = [];
      this.#isBehind = true;
    } else for (const event of events) this.#events.push(event);
    this.#wake?.();
  }

  /** What is in it is read first. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  async *take(): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      if (this.#isBehind) {
        this.#isBehind = false;
        yield this.#instead();
        continue;
      }
      const events = this.#events;
      this.#events = [];
      for (let n = 0; n < events.length; n += 1) {
        yield events[n] as Event;
        // What it was reading is older than what was dropped.
        if (this.#isBehind) break;
      }
      if (this.#events.length > 0 || this.#isBehind) continue;
      if (this.#error) throw this.#error;
      if (this.#isOver) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
