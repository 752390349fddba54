import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, type SystemState } from '../system-state.ts';

/** Shares of max_connections, and of the size limit of a stream. */
const MAX_CONNECTIONS_SHARE = 0.9;
const MAX_STREAM_SHARE = 0.9;
/** Collectors whose failure means that their server is down. */
const SERVER_COLLECTORS: Record<string, { key: 'postgres' | 'nats'; name: string; severity: Finding['severity'] }> = {
  'postgres activity': { key: 'postgres', name: 'Postgres does not answer', severity: 'down' },
  nats: { key: 'nats', name: 'NATS does not answer', severity: 'down' },
};

/** Collectors that the owner of the database enables. Without them only their panel of the console is empty. */
const OPTIONAL_COLLECTORS: ReadonlySet<string> = new Set(['postgres statements']);

export function* storeRules(state: SystemState): Generator<Finding> {
  yield* collectorRules(state);
  yield* postgresRules(state);
  for (const stream of state.collected.nats?.streams ?? []) {
    if (stream.maxBytes <= 0 || stream.bytes < stream.maxBytes * MAX_STREAM_SHARE || stream.pending === 0) continue;
    yield {
      rule: 'stream.full',
      key: `stream ${stream.name}`,
      subject: stream.name,
      measured: stream.bytes,
      limit: stream.maxBytes * MAX_STREAM_SHARE,
      unit: 'bytes',
      severity: 'degraded',
      message: `the stream ${stream.name} is nearly full (${bytes(stream.bytes)} of ${bytes(stream.maxBytes)}) and ${stream.pending} messages wait for a consumer`,
      hint: 'Its consumers are too slow or have stopped: check batch and realtime.',
      holdMs: HOLD_MS,
    };
  }
}

function* collectorRules({ collectors }: SystemState): Generator<Finding> {
  const postgresDown = collectors.some(({ name, error }) => name === 'postgres activity' && error);
  for (const { name, error, hint } of collectors) {
    if (error === null || OPTIONAL_COLLECTORS.has(name)) continue;
    const server = SERVER_COLLECTORS[name];
    // While Postgres is down, its other collectors fail for the same reason.
    if (!server && postgresDown) continue;
    yield {
      rule: server ? `${server.key}.down` : 'collector.fails',
      key: server?.key ?? `collector ${name}`,
      subject: server?.key ?? name,
      severity: server?.severity ?? 'degraded',
      message: server ? `${server.name}: ${error}` : `the collector "${name}" fails: ${error}`,
      hint: hint ?? 'Its figures are missing until it succeeds; it retries by itself.',
      // One lock may make one run fail; the next one follows within 2 s.
      holdMs: server ? 0 : HOLD_MS,
    };
  }
}

function* postgresRules({ collected: { activity } }: SystemState): Generator<Finding> {
  if (!activity) return;
  const { total, max } = activity.connections;
  if (total >= max * MAX_CONNECTIONS_SHARE) {
    yield {
      rule: 'postgres.connections',
      key: 'postgres connections',
      subject: 'postgres',
      measured: total,
      limit: max * MAX_CONNECTIONS_SHARE,
      unit: 'count',
      severity: 'degraded',
      message: `Postgres has ${total} client connections of at most ${max} (max_connections)`,
      hint: 'Reduce the pool sizes or the number of instances, or raise max_connections; Postgres will soon refuse new connections.',
      holdMs: HOLD_MS,
    };
  }
}
