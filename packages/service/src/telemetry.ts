import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Bus } from '@tidemark/bus';
import { type ServiceName, TELEMETRY_INTERVAL_MS, type Telemetry, type TelemetrySections } from '@tidemark/contracts';
import { every, type TaskFailed } from './every.ts';
import { isExhausted } from './exhausted.ts';
import type { Health } from './health.ts';

export interface TelemetryOptions {
  bus: Bus;
  service: ServiceName;
  instance: string;
  url: string;
  health: Health;
  sections: () => TelemetrySections;
  observe: (event: TaskFailed) => void;
}

export function startTelemetry(options: TelemetryOptions): { stop(): void } {
  const { bus, service, instance, url, health } = options;
  const subject = bus.subjects.telemetry(service, instance);
  const startedAt = Date.now();
  const heapLimitBytes = getHeapStatistics().heap_size_limit;
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let cpu = process.cpuUsage();
  let cpuAt = performance.now();
  let stopped = false;
  let memory = process.memoryUsage();

  /** Node opens a file for it; without a free descriptor the previous values remain. */
  function measureMemory(): void {
    try {
      memory = process.memoryUsage();
    } catch (error) {
      if (!isExhausted(error)) throw error;
    }
  }

  async function publish(): Promise<void> {
    const problems = await health.problems();
    if (stopped) return;
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - cpuAt;
    cpu = process.cpuUsage();
    cpuAt = performance.now();
    measureMemory();
    const p99 = delay.percentile(99) / 1e6;
    delay.reset();
    const telemetry: Telemetry = {
      service,
      instance,
      pid: process.pid,
      url,
      startedAt,
      at: Date.now(),
      ready: problems.length === 0,
      problems: problems.slice(0, 20),
      process: {
        rssBytes: memory.rss,
        heapUsedBytes: memory.heapUsed,
        heapTotalBytes: memory.heapTotal,
        heapLimitBytes,
        externalBytes: memory.external,
        cpuPercent: (used.user + used.system) / 10 / elapsedMs,
        eventLoopDelayP99Ms: Number.isFinite(p99) ? p99 : 0,
        uptimeSeconds: (Date.now() - startedAt) / 1_000,
      },
      ...options.sections(),
    };
    bus.publish(subject, telemetry);
  }

  const timer = every('telemetry', TELEMETRY_INTERVAL_MS, publish, options.observe);
  timer.now();
  return {
    stop() {
      stopped = true;
      timer.stop();
      delay.disable();
    },
  };
}
