import type { PoolStats } from '@tidemark/contracts';
import { WindowedSketch } from '../statements/sketch.ts';

/** One sample of the busy time a sweep: enough for a second. */
const SAMPLES = 5;

type MeterStats = Omit<
  PoolStats,
  'name' | 'min' | 'max' | 'long' | 'slots' | 'waiting' | 'waitingLimit' | 'preparedBytes' | 'statisticsBytes'
>;

export class PoolMeter {
  acquiredTotal = 0;
  refusedTotal = 0;
  timeoutsTotal = 0;
  connectErrorsTotal = 0;
  discardedTotal = 0;
  leaksTotal = 0;
  replacedTotal = 0;
  evictedTotal = 0;
  readonly waits = new WindowedSketch();
  #busy = 0;
  #busyArea = 0;
  #changedAt = performance.now();
  readonly #samples: { at: number; area: number }[] = [];

  addBusy(connections: 1 | -1): void {
    this.#advance(performance.now());
    this.#busy += connections;
  }

  sample(): void {
    const now = performance.now();
    this.#advance(now);
    this.#samples.push({ at: now, area: this.#busyArea });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  meanBusy(): number {
    const now = performance.now();
    this.#advance(now);
    const from = this.#samples[0];
    if (from === undefined || now - from.at < 1) return this.#busy;
    return (this.#busyArea - from.area) / (now - from.at);
  }

  stats(max: number): MeterStats {
    const waitWindow = this.waits.window();
    return {
      utilisation: Math.min(1, this.meanBusy() / max),
      acquiredTotal: this.acquiredTotal,
      refusedTotal: this.refusedTotal,
      timeoutsTotal: this.timeoutsTotal,
      connectErrorsTotal: this.connectErrorsTotal,
      discardedTotal: this.discardedTotal,
      leaksTotal: this.leaksTotal,
      replacedTotal: this.replacedTotal,
      evictedTotal: this.evictedTotal,
      waitP50Ms: this.waits.quantile(0.5),
      waitP99Ms: this.waits.quantile(0.99),
      ...(waitWindow && { waitWindow }),
    };
  }

  #advance(now: number): void {
    this.#busyArea += this.#busy * (now - this.#changedAt);
    this.#changedAt = now;
  }
}
