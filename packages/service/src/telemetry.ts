import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { getHeapStatistics } from 'node:v8';
import type { Bus } from '@tidemark/bus';
import { type ServiceName, TELEMETRY_INTERVAL_MS, type Telemetry, type TelemetrySections } from '@tidemark/contracts';
import { every, type TaskFailed } from './every.ts';
import { isExhausted } from './exhausted.ts';
import { watchGarbageCollection } from './garbage-collection.ts';
import type { Health } from './health.ts';
import { watchIdleMemory } from './idle-memory.ts';
import { watchLoopDelay } from './loop-delay.ts';
import { type MemoryEvent, type MemoryHolder, oldGenerationLimit, watchMemoryPressure } from './memory-pressure.ts';

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { version: string };

export interface TelemetryOptions {
  bus: Bus;
  service: ServiceName;
  instance: string;
  url: string;
  health: Health;
  /** The settings of the process. Only hashes are sent, so that a reader sees which of them changed. */
  config?: object;
  sections: () => TelemetrySections;
  /** They give back memory when the heap is nearly full. */
  memory?: readonly MemoryHolder[];
  observe: (event: TaskFailed | MemoryEvent) => void;
}

export function startTelemetry(options: TelemetryOptions): { stop(): void } {
  const { bus, service, instance, url, health } = options;
  const subject = bus.subjects.telemetry(service, instance);
  const startedAt = Date.now();
  const heapLimitBytes = getHeapStatistics().heap_size_limit;
  const delay = watchLoopDelay();
  const idleMemory = watchIdleMemory();
  let cpu = process.cpuUsage();
  let cpuAt = performance.now();
  let stopped = false;
  let memory = process.memoryUsage();
  const pressure = watchMemoryPressure({
    holders: options.memory ?? [],
    limitBytes: oldGenerationLimit(heapLimitBytes),
    observe: options.observe,
  });
  const gc = watchGarbageCollection(pressure.collected);
  const settings = options.config && hashedSettings(options.config);
  let last: Telemetry | undefined;
  let isSkipped = false;

  /** Node opens a file for it; without a free descriptor the previous values remain. */
  function measureMemory(): void {
    try {
      memory = process.memoryUsage();
    } catch (error) {
      if (!isExhausted(error)) throw error;
    }
  }

  async function publish(): Promise<void> {
    // Half of the reports of an idle process are left out: they say the same, and readers miss it after 5 s.
    isSkipped = idleMemory.isIdle && last?.ready === true && !isSkipped;
    if (isSkipped) return;
    const problems = await health.problems();
    if (stopped) return;
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - cpuAt;
    cpu = process.cpuUsage();
    cpuAt = performance.now();
    const cpuPercent = (used.user + used.system) / 10 / elapsedMs;
    await idleMemory.look(cpuPercent);
    if (stopped) return;
    measureMemory();
    const telemetry: Telemetry = {
      service,
      instance,
      pid: process.pid,
      url,
      startedAt,
      at: Date.now(),
      ready: problems.length === 0,
      version: VERSION,
      ...(settings && { settings }),
      problems: problems.slice(0, 20),
      process: {
        rssBytes: memory.rss,
        heapUsedBytes: memory.heapUsed,
        heapTotalBytes: memory.heapTotal,
        heapLimitBytes,
        externalBytes: memory.external,
        gc: gc.stats(),
        cpuPercent,
        eventLoopDelayP99Ms: delay.p99Ms(),
        uptimeSeconds: (Date.now() - startedAt) / 1_000,
      },
      ...options.sections(),
    };
    bus.publish(subject, telemetry);
    last = telemetry;
  }

  const timer = every('telemetry', TELEMETRY_INTERVAL_MS, publish, options.observe);
  timer.now();
  return {
    stop() {
      if (stopped) return;
      stopped = true;
      timer.stop();
      delay.stop();
      gc.stop();
      // Without it, a reader could not tell a stop from a crash.
      if (last) bus.publish(subject, { ...last, at: Date.now(), ready: false, stopping: true } satisfies Telemetry);
    },
  };
}

/** A hash lets a reader check guesses, so settings that may hold a secret are left out. */
const SECRET = /SECRET|PASSWORD|TOKEN|URL|KEY|SEED|CREDS|HEADERS|JWKS/;
const HASH_LENGTH = 8;

function hashedSettings(config: object): Record<string, string> {
  const hash = (value: unknown) =>
    createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, HASH_LENGTH);
  const shown = Object.entries(config).filter(([name, value]) => value !== undefined && !SECRET.test(name));
  return Object.fromEntries(shown.map(([name, value]) => [name, hash(value)]));
}
