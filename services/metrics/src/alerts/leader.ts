/**
 * The instance of this service that has run for longest notifies and stores; a second one is a hot spare. All of them hear each other's
 * telemetry, so this works without Postgres. While they do not hear each other, each notifies: twice is better than never.
 */
import type { Instance } from '../instances/registry.ts';

export function isLeader(live: readonly Instance[], instance: string): boolean {
  const own = live.filter(({ telemetry }) => telemetry.service === 'metrics').map(({ telemetry }) => telemetry);
  const [first] = own.sort((a, b) => a.startedAt - b.startedAt || (a.instance < b.instance ? -1 : 1));
  return !first || !own.some((one) => one.instance === instance) || first.instance === instance;
}
