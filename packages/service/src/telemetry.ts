/**
 * Publishes what this instance counts, each second, on `telemetry.<service>.<instance>`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Bus } from '@tidemark/bus';
import { type ServiceName, TELEMETRY_INTERVAL_MS, type Telemetry, type TelemetrySections } from '@tidemark/contracts';
import type { Health } from './health.ts';

export interface TelemetryOptions {
  bus: Bus;
  service: ServiceName;
  instance: string;
  /** Where this instance listens. */
  url: string;
  health: Health;
  sections: () => TelemetrySections;
}

export function startTelemetry(options: TelemetryOptions): { stop(): void } {
  const { bus, service, instance, url, health } = options;
  const subject = bus.subjects.telemetry(service, instance);
  const startedAt = Date.now();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let cpu = process.cpuUsage();
  let cpuAt = performance.now();
  let stopped = false;
  let publishing = false;

  async function publish(): Promise<void> {
    // A check that hangs must not pile up publications behind it.
    if (publishing) return;
    publishing = true;
    const problems = await health.problems();
    publishing = false;
    if (stopped) return;
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - cpuAt;
    cpu = process.cpuUsage();
    cpuAt = performance.now();
    const memory = process.memoryUsage();
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
        externalBytes: memory.external,
        cpuPercent: (used.user + used.system) / 10 / elapsedMs,
        eventLoopDelayP99Ms: Number.isFinite(p99) ? p99 : 0,
        uptimeSeconds: (Date.now() - startedAt) / 1_000,
      },
      ...options.sections(),
    };
    bus.publish(subject, telemetry);
  }

  const timer = setInterval(() => void publish(), TELEMETRY_INTERVAL_MS);
  void publish();
  return {
    stop() {
      stopped = true;
      clearInterval(timer);
      delay.disable();
    },
  };
}
