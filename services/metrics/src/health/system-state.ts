import type { DeliveryHealth } from '../alerts/alerts.ts';
import type { CollectorState } from '../collectors/collector.ts';
import type { Collected } from '../collectors/collectors.ts';
import type { History } from '../history/history.ts';
import type { Instance } from '../instances/registry.ts';
import type { SlowStatement } from '../traffic/statement-history.ts';
import type { RouteTraffic } from '../traffic/traffic-history.ts';
import type { Thresholds } from './thresholds.ts';

export interface Limits {
  expected: readonly string[];
  lostAfterMs: number;
  replicaLagMs: number;
  slotBytes: number;
  transactionMs: number;
}

export interface SystemState {
  now: number;
  live: readonly Instance[];
  lost: readonly Instance[];
  collected: Collected;
  collectors: readonly CollectorState[];
  limits: Limits;
  /** Requests by route and table. */
  traffic?: readonly RouteTraffic[];
  /** Statements by how often they were slow in the last minute and hour. */
  statements?: readonly SlowStatement[];
  /** The time since which a relay has confirmed nothing while the WAL grows, by instance. */
  stalledRelays?: ReadonlyMap<string, number>;
  /** Absent where nobody is notified. */
  deliveries?: DeliveryHealth;
  thresholds: Thresholds;
  /** Undefined: rules that need it find nothing. */
  history?: Pick<History, 'read'>;
}

export const seconds = (ms: number) => `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;

export function bytes(value: number): string {
  if (value < 1024 ** 2) return `${Math.ceil(value / 1024)} KiB`;
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  return `${(value / 1024 ** 3).toFixed(1)} GiB`;
}

/** Returns `gateway-1`, or `gateway blue` for an instance whose name does not contain its service. */
export const displayName = ({ service, instance }: { service: string; instance: string }) =>
  instance.startsWith(service) ? instance : `${service} ${instance}`;

/** Pools name their connections `tidemark <instance>/<pool>`. Returns the key of the instance. */
export function instanceOfApplication(application: string, live: readonly Instance[]): string | undefined {
  const name = /^tidemark[ /]([^/]+)\//.exec(application)?.[1];
  return name === undefined ? undefined : live.find(({ telemetry }) => telemetry.instance === name)?.key;
}
