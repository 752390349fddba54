import type { Telemetry } from '@tidemark/contracts';
import type { DeliveryHealth } from '../alerts/alerts.ts';
import type { CollectorState } from '../collectors/collector.ts';
import type { Collected } from '../collectors/collectors.ts';
import type { MetricsEvent } from '../events.ts';
import type { HealthAnswer } from '../health/answer.ts';
import { composeHealth, findingsOf } from '../health/compose.ts';
import { createDebouncer } from '../health/finding.ts';
import type { Context } from '../health/problems.ts';
import type { Limits, SystemState } from '../health/system-state.ts';
import { DEFAULT_THRESHOLDS, type Thresholds } from '../health/thresholds.ts';
import type { History } from '../history/history.ts';
import type { LatencyHistory } from '../history/latencies.ts';
import { sampleAll } from '../history/samples.ts';
import type { Registry } from '../instances/registry.ts';
import { withoutSketches } from '../instances/without-sketches.ts';
import { instanceEvents, type ServiceState } from '../timeline/instance-events.ts';
import { RelayWatch } from '../timeline/relay-watch.ts';
import { SystemEvents } from '../timeline/system-events.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { StatementHistory } from '../traffic/statement-history.ts';
import { type RouteTraffic, TrafficHistory } from '../traffic/traffic-history.ts';

export interface MonitorOptions {
  registry: Registry;
  history: History;
  latencies?: LatencyHistory;
  collectors: { values(): Collected; states(): CollectorState[] };
  limits: Limits;
  deliveries?: () => DeliveryHealth;
  thresholds?: Thresholds;
  timeline?: Timeline;
  /** Absent where remedies are not carried out. */
  actionToken?: Context['token'];
  observe: (event: MetricsEvent) => void;
}

export interface Monitor {
  record(telemetry: Telemetry, now: number): void;
  tick(now: number): HealthAnswer;
  health(): HealthAnswer;
  /** Requests by route and table in the last ten seconds. */
  traffic(now: number): RouteTraffic[];
}

export function createMonitor(options: MonitorOptions): Monitor {
  const {
    registry,
    history,
    latencies,
    collectors,
    limits,
    thresholds = DEFAULT_THRESHOLDS,
    deliveries,
    timeline,
    actionToken,
    observe,
  } = options;
  const context = {
    events: ({ since }: { since: number }) =>
      (timeline?.before(since) ?? []).map(({ at, type, subject, message }) => ({ at, type, subject, message })),
    token: actionToken ?? (() => null),
  };
  const debouncer = createDebouncer();
  let lostKeys = new Set<string>();
  let answer: HealthAnswer | undefined;
  const systemEvents = new SystemEvents();
  const traffic = new TrafficHistory();
  const statements = new StatementHistory();
  const relays = new RelayWatch();
  const services = new Map<string, ServiceState>();

  function reportLosses(now: number) {
    for (const { key, telemetry, receivedAt } of registry.lost(now)) {
      if (lostKeys.has(key)) continue;
      observe({ type: 'metrics.instance_lost', source: key, silentMs: now - receivedAt });
      if (telemetry.stopping) continue;
      const message = `${key} (pid ${telemetry.pid}) fell silent without having stopped`;
      timeline?.add({ type: 'instance.lost', subject: key, message }, now);
    }
    for (const { key } of registry.sweep(now)) {
      traffic.forget(key);
      statements.forget(key);
      latencies?.forget(key);
      observe({ type: 'metrics.instance_dropped', source: key });
    }
    lostKeys = new Set(registry.lost(now).map(({ key }) => key));
  }

  const monitor: Monitor = {
    record(telemetry, now) {
      const kept = withoutSketches(telemetry);
      const before = registry.size();
      const source = `${telemetry.service}/${telemetry.instance}`;
      const previous = registry.get(source)?.telemetry;
      if (!registry.record(kept, now)) {
        observe({ type: 'metrics.instance_refused', source, limit: registry.limit });
      } else if (registry.size() > before || lostKeys.delete(source)) {
        observe({ type: 'metrics.instance_seen', source });
      }
      if (registry.get(source)?.telemetry !== kept) return;
      traffic.record(source, telemetry, now);
      statements.record(source, telemetry, now);
      latencies?.record(source, telemetry, now);
      if (!timeline) return;
      const service = services.get(telemetry.service) ?? {};
      services.set(telemetry.service, service);
      for (const event of instanceEvents(previous, telemetry, service)) timeline.add(event, now);
    },
    tick(now) {
      reportLosses(now);
      const collected = collectors.values();
      const live = registry.live(now);
      for (const event of systemEvents.compare(live, collected)) timeline?.add(event, now);
      const samples = sampleAll(live, collected);
      history.tick(now, samples);
      const state: SystemState = {
        now,
        live,
        lost: registry.lost(now),
        collected,
        collectors: collectors.states(),
        limits,
        traffic: traffic.current(now),
        statements: statements.current(now),
        stalledRelays: relays.update(live, collected.activity?.walLsn, now),
        ...(deliveries && { deliveries: deliveries() }),
        thresholds,
        history,
      };
      const next = composeHealth(state, debouncer.update(findingsOf(state), now), samples, context);
      if (answer && answer.status !== next.status) {
        observe({ type: 'metrics.status_changed', from: answer.status, to: next.status, problems: next.problems });
      }
      answer = next;
      return next;
    },
    health: () => answer ?? monitor.tick(Date.now()),
    traffic: (now) => traffic.current(now),
  };
  return monitor;
}
