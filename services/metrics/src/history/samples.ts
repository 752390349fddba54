/**
 * A series is named `<figure>@<label>`: `<service>/<instance>`, then `/<pool>` or `/<replica>` where there are
 * several; or the name of a replica or stream.
 */
import type { Collected } from '../collectors/collectors.ts';
import type { Instance } from '../instances/registry.ts';

export const SERIES = {
  'http.requests': '1/s',
  'http.errors': '1/s; answers with status 5xx',
  'http.p50': 'ms, over the last minute',
  'http.p99': 'ms, over the last minute',
  'http.in_flight': 'requests',
  'reads.replica': '1/s',
  'reads.primary': '1/s',
  'reads.cache': '1/s',
  'pool.utilisation': '0..1, busy / max',
  'pool.acquired': '1/s; connections handed out',
  'pool.waiting': 'requests',
  'pool.wait_p99': 'ms',
  'replica.lag': 'ms, as measured by the gateways',
  'sockets.open': 'sockets',
  'sockets.subscriptions': 'subscriptions',
  'sockets.deliveries': '1/s',
  'sockets.delivery_p99': 'ms',
  'sockets.buffered': 'bytes',
  'relay.lag': 'bytes, active relay only',
  'relay.changes': '1/s, active relay only',
  'workers.busy': 'threads',
  'workers.chunks': '1/s',
  'workers.items': '1/s',
  'process.rss': 'bytes',
  'process.heap': 'bytes',
  'process.cpu': '% of one core',
  'process.loop_p99': 'ms',
  'postgres.connections': 'client connections',
  'postgres.active': 'connections that run a statement',
  'postgres.commits': '1/s, this database',
  'postgres.wal': 'bytes/s',
  'postgres.replica_lag': 'ms, as measured on the primary',
  'nats.rtt': 'ms',
  'nats.messages': 'messages stored in the stream',
  'jobs.queued': 'jobs',
  'jobs.running': 'jobs',
} as const;
export type Figure = keyof typeof SERIES;

type Add = (figure: Figure, label: string | undefined, value: number | null | undefined) => void;

export function sampleAll(live: readonly Instance[], collected: Collected): Map<string, number> {
  const samples = new Map<string, number>();
  const add: Add = (figure, label, value) => {
    if (typeof value === 'number' && Number.isFinite(value)) samples.set(label ? `${figure}@${label}` : figure, value);
  };
  for (const instance of live) sampleInstance(instance, add);
  sampleCollected(collected, add);
  return samples;
}

function sampleInstance({ key, telemetry, rates }: Instance, add: Add): void {
  const { http, pools, replicas, sockets, relay, workers, process } = telemetry;
  add('process.rss', key, process.rssBytes);
  add('process.heap', key, process.heapUsedBytes);
  add('process.cpu', key, process.cpuPercent);
  add('process.loop_p99', key, process.eventLoopDelayP99Ms);
  if (http) {
    add('http.requests', key, rates?.requests);
    add('http.errors', key, rates?.errors);
    // A percentile of nothing is sent as 0, which would be drawn as a very fast answer.
    add('http.p50', key, http.p50Ms || undefined);
    add('http.p99', key, http.p99Ms || undefined);
    add('http.in_flight', key, http.inFlight);
  }
  add('reads.replica', key, rates?.reads?.replica);
  add('reads.primary', key, rates?.reads?.primary);
  add('reads.cache', key, rates?.reads?.cache);
  for (const pool of pools ?? []) {
    add('pool.utilisation', `${key}/${pool.name}`, pool.utilisation);
    add('pool.acquired', `${key}/${pool.name}`, rates?.acquired?.[pool.name]);
    add('pool.waiting', `${key}/${pool.name}`, pool.waiting);
    add('pool.wait_p99', `${key}/${pool.name}`, pool.waitP99Ms);
  }
  for (const replica of replicas ?? []) add('replica.lag', `${key}/${replica.name}`, replica.lagMs);
  if (sockets) {
    add('sockets.open', key, sockets.open);
    add('sockets.subscriptions', key, sockets.subscriptions);
    add('sockets.deliveries', key, rates?.deliveries);
    add('sockets.delivery_p99', key, sockets.deliveryP99Ms || undefined);
    add('sockets.buffered', key, sockets.bufferedBytes);
  }
  if (relay?.role === 'active') {
    add('relay.lag', key, relay.lagBytes);
    add('relay.changes', key, rates?.changes);
  }
  if (workers) {
    add('workers.busy', key, workers.busy);
    add('workers.chunks', key, rates?.chunks);
    add('workers.items', key, rates?.items);
  }
}

function sampleCollected({ activity, replication, nats, jobs }: Collected, add: Add): void {
  add('postgres.connections', undefined, activity?.connections.total);
  add('postgres.active', undefined, activity?.connections.active);
  add('postgres.commits', undefined, activity?.commitsPerSecond);
  add('postgres.wal', undefined, activity?.walBytesPerSecond);
  for (const replica of replication?.replicas ?? []) add('postgres.replica_lag', replica.name, replica.lagMs);
  add('nats.rtt', undefined, nats?.roundTripMs);
  for (const stream of nats?.streams ?? []) add('nats.messages', stream.name, stream.messages);
  add('jobs.queued', undefined, jobs?.queued);
  add('jobs.running', undefined, jobs?.running);
}
