import type { Alerts } from './alerts/alerts.ts';
import type { Collectors } from './collectors/collectors.ts';
import type { Config } from './config.ts';
import type { History } from './history/history.ts';
import type { InspectBus } from './instances/ask.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Broadcaster } from './stream/broadcaster.ts';

export interface RouteContext {
  readonly config: Config;
  readonly monitor: Monitor;
  readonly history: History;
  readonly collectors: Pick<Collectors, 'values' | 'states'>;
  readonly broadcaster: Broadcaster;
  readonly bus: InspectBus;
  readonly alerts: Alerts;
}
