/** What the routes are given. */
import type { Descriptors, Health, Limiter, Logger, Metrics, VerifyTokenFrom } from '@tidemark/service';
import type { Collectors } from './collectors/collected.ts';
import type { Config } from './config.ts';
import type { ServiceEvent } from './events.ts';
import type { History } from './history/history.ts';
import type { Asking } from './live/ask-instances.ts';
import type { Pulse } from './pulse.ts';
import type { Broadcaster } from './stream/broadcaster.ts';

export interface Deps {
  config: Config;
  logger: Logger;
  health: Health;
  metrics: Metrics;
  limiter: Limiter;
  verify: VerifyTokenFrom;
  pulse: Pulse;
  history: History;
  collectors: Pick<Collectors, 'values' | 'states'>;
  broadcaster: Broadcaster;
  bus: Asking;
  /** Absent in tests of single routes. */
  descriptors?: Descriptors;
  observe?: (event: ServiceEvent) => void;
}
