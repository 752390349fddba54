/** A bounded queue between the connection and a slow `for await` loop. When it overflows, one event replaces those dropped. */

/** 10 MB at 1 KB an event. */
const MAX_EVENTS = 10_000;

export class EventQueue<Event> {
  #replacement: () => Event;
  #events: Event[] = [];
  #isBehind = false;
  #error: Error | undefined;
  #isOver = false;
  #wake: (() => void) | undefined;

  /** `replacement` is called at the time of reading, in place of the dropped events. */
  constructor(replacement: () => Event) {
    this.#replacement = replacement;
  }

  push(events: readonly Event[]): void {
    if (this.#isBehind) return;
    if (this.#events.length + events.length > MAX_EVENTS && this.#events.length > 0) {
      this.#events = [];
      this.#isBehind = true;
    } else for (const event of events) this.#events.push(event);
    this.#wake?.();
  }

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
        yield this.#replacement();
        continue;
      }
      const events = this.#events;
      this.#events = [];
      for (let n = 0; n < events.length; n += 1) {
        yield events[n] as Event;
        // The remaining events are older than the replacement.
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
