import { literal } from '@tidemark/db';
import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, type SystemState } from '../system-state.ts';

/** Share of the size limit of a stream. */
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

function* postgresRules({ collected: { activity }, thresholds }: SystemState): Generator<Finding> {
  if (!activity) return;
  const { total, max } = activity.connections;
  const [most] = activity.applications;
  // The pools of our instances have limits, and findings of their own.
  const isOne =
    most !== undefined &&
    !most.application.startsWith('tidemark') &&
    most.connections >= max * thresholds.applicationShare;
  const name = most?.application || 'a client without application name';
  if (total >= max * thresholds.connectionsShare || isOne) {
    yield {
      rule: 'postgres.connections',
      key: 'postgres connections',
      subject: isOne ? name : 'postgres',
      measured: isOne ? most.connections : total,
      limit: max * (isOne ? thresholds.applicationShare : thresholds.connectionsShare),
      unit: 'count',
      severity: 'degraded',
      message: isOne
        ? `${name} has ${most.connections} of the ${total} connections of Postgres, of at most ${max} (max_connections)`
        : `Postgres has ${total} client connections of at most ${max} (max_connections); ${name} has most of them, ${most?.connections ?? 0}`,
      hint: isOne
        ? 'Limit its pool, or its role: alter role … connection limit.'
        : 'Reduce the pool sizes or the number of instances, or raise max_connections; Postgres will soon refuse new connections.',
      remedies: isOne
        ? [
            {
              sql: `select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${literal(most.application)} and state = 'idle'`,
              effect: `Ends its idle sessions, ${most.idle} now.`,
              risk: 'A client that does not reconnect by itself gets errors.',
            },
          ]
        : [],
      holdMs: HOLD_MS,
    };
  }
}
