import type { VerifyTokenFrom } from '@tidemark/service';
import type { Actions } from './actions/actions.ts';
import type { Alerts } from './alerts/alerts.ts';
import type { Analyzer } from './analyze/analyzer.ts';
import type { Collectors } from './collectors/collectors.ts';
import type { PostgresConnection } from './collectors/postgres-connection.ts';
import type { Config } from './config.ts';
import type { HealthAnswer } from './health/answer.ts';
import type { History } from './history/history.ts';
import type { LatencyHistory } from './history/latencies.ts';
import type { InspectBus } from './instances/ask.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Broadcaster } from './stream/broadcaster.ts';
import type { Timeline } from './timeline/timeline.ts';

export interface RouteContext {
  /** Call it when an operator asks for something: figures are then collected more often. */
  readonly onAsked: () => void;
  readonly config: Config;
  readonly monitor: Monitor;
  readonly history: History;
  readonly latencies: LatencyHistory;
  readonly collectors: Pick<Collectors, 'values' | 'states'>;
  readonly postgres: Pick<PostgresConnection, 'admin' | 'replicas'>;
  readonly broadcaster: Broadcaster;
  /** Sends the clients of the stream the topics that have changed. */
  readonly publishTopics: (health: HealthAnswer) => void;
  readonly bus: InspectBus;
  readonly alerts: Alerts;
  readonly timeline: Timeline;
  /** Undefined: METRICS_ANALYZE_URL is not set. */
  readonly analyzer: Analyzer | undefined;
  /** Undefined: METRICS_ACTIONS is off. */
  readonly actions: Actions | undefined;
  /** Verifies the token in the body of queries/analyze. */
  readonly verifyToken: VerifyTokenFrom;
}
