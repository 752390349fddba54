/** The figures of a sink as a page for Prometheus. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Sink, SinkStats } from './sink-types.ts';
import type { TableStats } from './table-follower.ts';

type Figure = readonly [name: string, help: string, value: (stats: SinkStats) => number];

const FIGURES: readonly Figure[] = [
  ['tidemark_sink_connections', 'Open connections to ClickHouse', ({ connections }) => connections.open],
  ['tidemark_sink_connections_max', 'Limit of connections to ClickHouse', ({ connections }) => connections.max],
  ['tidemark_sink_connections_in_use', 'Connections that run a request', ({ connections }) => connections.inUse],
  [
    'tidemark_sink_connections_waiting',
    'Requests that wait for a connection',
    ({ connections }) => connections.waiting,
  ],
  ['tidemark_sink_acquired_total', 'Requests that got a connection', ({ connections }) => connections.acquiredTotal],
  [
    'tidemark_sink_acquire_timeouts_total',
    'Requests that got none in time',
    ({ connections }) => connections.timeoutsTotal,
  ],
  [
    'tidemark_sink_recycled_total',
    'Connections replaced after an error, or for their age',
    ({ connections }) => connections.recycledTotal,
  ],
  ['tidemark_sink_queued_bytes', 'Bytes of messages that wait', ({ queuedBytes }) => queuedBytes],
  [
    'tidemark_sink_pauses_total',
    'How often the queue was full and the stream waited',
    ({ pausesTotal }) => pausesTotal,
  ],
  ['tidemark_sink_flushes_total', 'Batches stored, each with its position', ({ flushesTotal }) => flushesTotal],
  ['tidemark_sink_following', '1: messages of the relay arrive', ({ problem }) => (problem === undefined ? 1 : 0)],
];

const TABLE_FIGURES: readonly (readonly [name: string, help: string, value: (table: TableStats) => number])[] = [
  ['tidemark_sink_rows_total', 'Rows inserted or updated', ({ rowsTotal }) => rowsTotal],
  ['tidemark_sink_deletes_total', 'Rows deleted', ({ deletesTotal }) => deletesTotal],
  ['tidemark_sink_snapshots_total', 'Copies of the whole table', ({ snapshotsTotal }) => snapshotsTotal],
  ['tidemark_sink_stored_timestamp_seconds', 'When a change was stored last', ({ storedAt }) => storedAt / 1_000],
];

/** Serves `/metrics` on this machine only, without a password: put a proxy in front of it for others. */
export async function serveSinkMetrics(sink: Sink, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    pageOf(sink.stats()).then(
      (page) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(page),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function pageOf(stats: SinkStats): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const add = (name: string, help: string, labelNames: string[], labels: Record<string, string>, value: number) => {
    const known = registry.getSingleMetric(name);
    if (name.endsWith('_total')) {
      ((known as Counter | undefined) ?? new Counter({ name, help, labelNames, registers })).inc(labels, value);
    } else ((known as Gauge | undefined) ?? new Gauge({ name, help, labelNames, registers })).set(labels, value);
  };
  for (const [name, help, value] of FIGURES) add(name, help, [], {}, value(stats));
  for (const table of stats.tables) {
    for (const [name, help, value] of TABLE_FIGURES) add(name, help, ['table'], { table: table.table }, value(table));
  }
  return registry.metrics();
}
