/** Measures how much of each limited resource is in use: the first that reaches 1 is what the system fails on. */
import type { Telemetry } from '@tidemark/contracts';
import type { Collected } from '../collectors/collectors.ts';

export interface Resource {
  /** A text such as `pool write of gateway/gateway-1`. */
  name: string;
  used: number;
  limit: number;
  unit: 'connections' | 'bytes' | 'threads' | 'requests';
  /** used / limit; over 1 where more wait than there is room. */
  utilization: number;
  /** How many times the present load it bears, if use grows with load; null while it is not used. */
  headroom: number | null;
}

/** The fullest first. A resource without a limit, or whose use nobody reports, is left out. */
export function capacityOf(instances: readonly Telemetry[], { activity, nats, replication }: Collected): Resource[] {
  const resources: Resource[] = [];
  const add = (name: string, unit: Resource['unit'], used: number | undefined, limit: number | undefined) => {
    if (used === undefined || limit === undefined || limit <= 0) return;
    const headroom = used > 0 ? limit / used : null;
    resources.push({ name, unit, used, limit, utilization: used / limit, headroom });
  };
  add('connections of Postgres', 'connections', activity?.connections.total, activity?.connections.max);
  for (const { service, instance, pools = [], process, workers } of instances) {
    const key = `${service}/${instance}`;
    for (const pool of pools) {
      add(`pool ${pool.name} of ${key}`, 'connections', pool.utilisation * pool.max, pool.limit ?? pool.max);
      add(`queue of the pool ${pool.name} of ${key}`, 'requests', pool.waiting, pool.waitingLimit);
    }
    add(`heap of ${key}`, 'bytes', process.heapUsedBytes, process.heapLimitBytes);
    add(`worker threads of ${key}`, 'threads', workers?.busy, workers?.threads);
    add(`decoded images of ${key}`, 'bytes', workers?.admittedBytes, workers?.admissionLimitBytes);
  }
  for (const { name, bytes, maxBytes } of nats?.streams ?? []) add(`stream ${name}`, 'bytes', bytes, maxBytes);
  for (const { name, retainedBytes, safeBytes } of replication?.slots ?? []) {
    if (retainedBytes === null || safeBytes === null) continue;
    add(`WAL of the slot ${name}`, 'bytes', retainedBytes, retainedBytes + safeBytes);
  }
  return resources.sort((a, b) => b.utilization - a.utilization);
}
