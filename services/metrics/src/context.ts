/** What the routes are given. */
import type { Descriptors, Health, Limiter, Logger, Metrics, VerifyTokenFrom } from '@tidemark/service';
import type { Collectors } from './collectors/collectors.ts';
import type { Config } from './config.ts';
import type { ServiceEvent } from './events.ts';
import type { History } from './history/history.ts';
import type { InspectBus } from './live/ask-instances.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Broadcaster } from './stream/broadcaster.ts';

export interface AppDependencies {
  config: Config;
  logger: Logger;
  health: Health;
  metrics: Metrics;
  limiter: Limiter;
  verify: VerifyTokenFrom;
  monitor: Monitor;
  history: History;
  collectors: Pick<Collectors, 'values' | 'states'>;
  broadcaster: Broadcaster;
  bus: InspectBus;
  /** Absent in tests of single routes. */
  descriptors?: Descriptors;
  observe?: (event: ServiceEvent) => void;
}
