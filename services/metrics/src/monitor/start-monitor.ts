import type { Bus } from '@tidemark/bus';
import { TELEMETRY_MAX_BYTES, Telemetry, telemetrySenderProblem } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import { commaSeparated, every } from '@tidemark/service';
import { Actions } from '../actions/actions.ts';
import type { Alerts } from '../alerts/alerts.ts';
import { isLeader } from '../alerts/leader.ts';
import { startAlerts } from '../alerts/start-alerts.ts';
import { type Collectors, startCollectors } from '../collectors/collectors.ts';
import { Pace } from '../collectors/pace.ts';
import type { PostgresConnection } from '../collectors/postgres-connection.ts';
import type { Config } from '../config.ts';
import { startStatementDays } from '../digest/statement-days.ts';
import type { ServiceEvent } from '../events.ts';
import type { HealthAnswer } from '../health/answer.ts';
import { loadThresholds } from '../health/thresholds.ts';
import { createHistory, type History } from '../history/history.ts';
import { LatencyHistory } from '../history/latencies.ts';
import { createRegistry, type Registry } from '../instances/registry.ts';
import { Store } from '../store/store.ts';
import type { Broadcaster } from '../stream/broadcaster.ts';
import { topicPublisher } from '../stream/publish-topics.ts';
import { Timeline } from '../timeline/timeline.ts';
import { createMonitor, type Monitor } from './monitor.ts';

export interface MonitorInputs {
  config: Config;
  bus: Bus;
  instance: string;
  postgres: PostgresConnection;
  /** Undefined: remedies are not carried out. */
  actionPool: Pool | undefined;
  broadcaster: Broadcaster;
  observe: (event: ServiceEvent) => void;
}

export interface RunningMonitor {
  monitor: Monitor;
  registry: Registry;
  history: History;
  latencies: LatencyHistory;
  collectors: Collectors;
  pace: Pace;
  alerts: Alerts;
  actions: Actions | undefined;
  timeline: Timeline;
  store: Store;
  publishTopics: (health: HealthAnswer) => void;
  stop(): Promise<void>;
}

const TICK_MS = 1_000;
const STORE_MS = 10_000;

export function startMonitor(inputs: MonitorInputs): RunningMonitor {
  const { config, bus, instance, postgres, actionPool, broadcaster, observe } = inputs;
  const registry = createRegistry({
    limit: config.METRICS_INSTANCES_MAX,
    lostAfterMs: config.METRICS_LOST_AFTER_MS,
    dropAfterMs: config.METRICS_DROP_AFTER_MS,
  });
  const history = createHistory({ ticks: config.METRICS_HISTORY_SECONDS, maxBytes: config.METRICS_HISTORY_MAX_BYTES });
  const latencies = new LatencyHistory();
  const pace = new Pace();
  const collectors = startCollectors({
    postgres,
    bus,
    pace,
    certificateUrls: commaSeparated(config.METRICS_CERTIFICATE_URLS),
    observe,
  });
  const limits = {
    lostAfterMs: config.METRICS_LOST_AFTER_MS,
    expected: config.METRICS_EXPECT === 'none' ? [] : commaSeparated(config.METRICS_EXPECT),
    replicaLagMs: config.METRICS_REPLICA_LAG_ALERT_MS,
    slotBytes: config.METRICS_SLOT_ALERT_BYTES,
    transactionMs: config.METRICS_TRANSACTION_ALERT_MS,
  };
  const timeline = new Timeline();
  const alerts = startAlerts({ config, bus, instance, postgres, registry, timeline, observe });
  const deliveries = () => alerts.health();
  const thresholds = loadThresholds(config.METRICS_THRESHOLDS_FILE);
  const actions = actionPool && new Actions({ audit: () => postgres.admin(), pool: actionPool, timeline, observe });
  const monitor = createMonitor({
    registry,
    history,
    latencies,
    collectors,
    limits,
    thresholds,
    deliveries,
    timeline,
    ...(actions && { actionToken: actions.token.bind(actions) }),
    observe,
  });
  const subscription = bus.subscribe<Telemetry>(
    bus.subjects.allTelemetry,
    (telemetry) => {
      monitor.record(telemetry, Date.now());
      pace.heard(telemetry);
    },
    {
      schema: Telemetry,
      maxBytes: TELEMETRY_MAX_BYTES,
      check: (telemetry: Telemetry, subject) => telemetrySenderProblem(bus.subjects, subject, telemetry),
    },
  );
  const publishTopics = topicPublisher({ broadcaster, collected: collectors.values, timeline, latencies });
  const tick = () => {
    const answer = monitor.tick(Date.now());
    alerts.tick(answer, answer.at);
    if (broadcaster.stats().clients === 0) return;
    pace.note();
    if (broadcaster.hasPlainClients()) broadcaster.send('health', JSON.stringify(answer), answer.at);
    publishTopics(answer);
  };
  const days = startStatementDays({
    pool: () => postgres.admin(),
    statements: () => collectors.values().statements,
    isLeader: () => alerts.isLeading,
    book: alerts.parts.book,
    observe,
  });
  const ticking = every('monitor', TICK_MS, tick, observe);
  const store = new Store(
    {
      pool: () => postgres.admin(),
      history,
      timeline,
      isLeader: () => isLeader(registry.live(Date.now()), instance),
      observe,
    },
    Date.now(),
  );
  let storing: Promise<void> = Promise.resolve();
  const keep = () => {
    storing = store.look(Date.now());
    return storing;
  };
  const keeping = every('metrics store', STORE_MS, keep, observe);
  keeping.now();
  return {
    monitor,
    registry,
    history,
    latencies,
    collectors,
    pace,
    alerts,
    actions,
    timeline,
    store,
    publishTopics,
    async stop() {
      ticking.stop();
      days.stop();
      keeping.stop();
      await storing;
      // Events of the last seconds, such as those of a shutdown.
      await store.look(Date.now());
      subscription.unsubscribe();
      await collectors.stop();
      await alerts.stop();
    },
  };
}
