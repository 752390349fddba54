import type { StreamStats } from './types.ts';

export class StreamMeter {
  readonly #stats: StreamStats = {
    active: 0,
    startedTotal: 0,
    completedTotal: 0,
    abortedTotal: 0,
    failedTotal: 0,
    bytesTotal: 0,
    rowsTotal: 0,
    cancelErrorsTotal: 0,
  };

  started(): void {
    this.#stats.active += 1;
    this.#stats.startedTotal += 1;
  }

  ended(how: 'completedTotal' | 'abortedTotal' | 'failedTotal', rows: number, bytes: number): void {
    this.#stats.active -= 1;
    this.#stats[how] += 1;
    this.#stats.rowsTotal += rows;
    this.#stats.bytesTotal += bytes;
  }

  cancelFailed(): void {
    this.#stats.cancelErrorsTotal += 1;
  }

  stats(): StreamStats {
    return { ...this.#stats };
  }
}
