/**
 * Measures how late the event loop is. Node's histogram wakes the process 100 times a second, most of what an idle service
 * costs, so that it runs only while the loop is busy.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
/** Share of the time in which callbacks ran. Below it, no delay of a second can be longer than 100 ms. */
const BUSY = 0.1;

export interface LoopDelay {
  /** The 99th percentile since the last call. Call it at an interval. */
  p99Ms(): number;
  stop(): void;
}

export function watchLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let isMeasured = true;
  let calledAt = performance.now();
  let before = performance.eventLoopUtilization();
  histogram.enable();
  return {
    p99Ms() {
      const current = performance.eventLoopUtilization();
      const { utilization, active } = performance.eventLoopUtilization(current, before);
      before = current;
      const now = performance.now();
      const elapsedMs = now - calledAt;
      calledAt = now;
      const p99 = histogram.percentile(99) / 1e6;
      // A delay is never longer than the time for which callbacks ran in all.
      const measured = isMeasured && Number.isFinite(p99) ? p99 : Math.min(active, elapsedMs);
      const isBusy = utilization > BUSY;
      if (isBusy !== isMeasured) {
        isMeasured = isBusy;
        if (isBusy) histogram.enable();
        else histogram.disable();
      }
      histogram.reset();
      return measured;
    },
    stop: () => void histogram.disable(),
  };
}
