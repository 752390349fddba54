/** How often each statement of our services was slow: in the last minute, beside the hour before. */
import type { Telemetry } from '@tidemark/contracts';

export interface SlowStatement {
  id: string;
  text: string;
  /** Runs in the last minute. */
  calls: number;
  slow: number;
  /** The share of slow runs in the hour before; null before there are five minutes of it. */
  hourShare: number | null;
  /** Instances that ran it in the last minute, `<service>/<instance>`. */
  instances: string[];
}

interface Statement {
  text: string;
  /** Runs by minute, in a ring, and the minute of each place. */
  minutes: Float64Array;
  calls: Float64Array;
  slow: Float64Array;
  sources: Map<string, { calls: number; slow: number; startedAt: number; at: number }>;
  seenAt: number;
}

const MINUTE_MS = 60_000;
/** The minute that runs, the one before it, and the hour before both. */
const MINUTES = 62;
const MIN_MINUTES = 5;
/** 1.5 KB each. The one that was silent for longest makes room. */
const MAX_STATEMENTS = 500;

export class StatementHistory {
  #all = new Map<string, Statement>();

  get size(): number {
    return this.#all.size;
  }

  record(
    source: string,
    { statements = [], startedAt }: Pick<Telemetry, 'statements' | 'startedAt'>,
    now: number,
  ): void {
    for (const { id, text, callsTotal, slowTotal } of statements) {
      const one = this.#of(id, text, now);
      const before = one.sources.get(source);
      one.seenAt = now;
      one.sources.set(source, { calls: callsTotal, slow: slowTotal, startedAt, at: now });
      // Counts of another process begin at zero, and those of an unknown one are of any time.
      if (before === undefined || before.startedAt !== startedAt || callsTotal < before.calls) continue;
      const minute = Math.floor(now / MINUTE_MS);
      const place = minute % MINUTES;
      if (one.minutes[place] !== minute) {
        one.minutes[place] = minute;
        one.calls[place] = one.slow[place] = 0;
      }
      one.calls[place] = (one.calls[place] as number) + callsTotal - before.calls;
      one.slow[place] = (one.slow[place] as number) + Math.max(0, slowTotal - before.slow);
    }
  }

  /** An instance has gone for good. */
  forget(source: string): void {
    for (const { sources } of this.#all.values()) sources.delete(source);
  }

  current(now: number): SlowStatement[] {
    const minute = Math.floor(now / MINUTE_MS);
    const part = (now % MINUTE_MS) / MINUTE_MS;
    const found: SlowStatement[] = [];
    for (const [id, one] of this.#all) {
      // The last sixty seconds: this minute, and the rest of the one before.
      const sum = (counts: Float64Array) =>
        this.#at(one, counts, minute) + this.#at(one, counts, minute - 1) * (1 - part);
      const slow = Math.round(sum(one.slow));
      if (slow === 0) continue;
      const sources = [...one.sources].filter(([, { at }]) => now - at < MINUTE_MS);
      found.push({
        id,
        text: one.text,
        calls: Math.round(sum(one.calls)),
        slow,
        hourShare: shareBefore(one, minute),
        instances: sources.map(([source]) => source).sort(),
      });
    }
    return found;
  }

  #at(one: Statement, counts: Float64Array, minute: number): number {
    const place = minute % MINUTES;
    return one.minutes[place] === minute ? (counts[place] as number) : 0;
  }

  #of(id: string, text: string, now: number): Statement {
    const known = this.#all.get(id);
    if (known) return known;
    if (this.#all.size >= MAX_STATEMENTS) {
      const [oldest] = [...this.#all].reduce((a, b) => (b[1].seenAt < a[1].seenAt ? b : a));
      this.#all.delete(oldest);
    }
    const one: Statement = {
      text,
      minutes: new Float64Array(MINUTES).fill(-1),
      calls: new Float64Array(MINUTES),
      slow: new Float64Array(MINUTES),
      sources: new Map(),
      seenAt: now,
    };
    this.#all.set(id, one);
    return one;
  }
}

function shareBefore({ minutes, calls, slow }: Statement, minute: number): number | null {
  let known = 0;
  let runs = 0;
  let slowRuns = 0;
  for (let place = 0; place < MINUTES; place++) {
    const age = minute - (minutes[place] as number);
    if (age < 2 || age >= MINUTES || calls[place] === 0) continue;
    known++;
    runs += calls[place] as number;
    slowRuns += slow[place] as number;
  }
  return known < MIN_MINUTES ? null : slowRuns / runs;
}
