/** `tidemark sink clickhouse --tables …`: keeps tables of ClickHouse equal to Postgres's, until Ctrl-C. */
import { connectBus } from '@tidemark/bus';
import { openSink, parseTableNames, type SinkEvent, type SinkStats, serveSinkMetrics } from '@tidemark/clickhouse';
import { CONSUMER_INBOX } from '@tidemark/contracts';
import { busConfig, busOptions, explain, loadConfig } from '@tidemark/service/process';
import { Type } from 'typebox';
import { errors } from '../errors.ts';
import { number } from '../jobs/bar.ts';
import { readRunningHome } from '../up/running-home.ts';

export interface SinkCommand {
  readonly words: readonly string[];
  readonly tables?: string;
  /** Port of the page with Prometheus metrics. */
  readonly metrics?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly databaseUrl: string;
  readonly publication: string;
  readonly home: string;
  readonly print: (line: string) => void;
  readonly redraw?: ((line: string) => void) | undefined;
  readonly untilSignal: () => Promise<string>;
}

const config = Type.Object({
  ...busConfig,
  CLICKHOUSE_URL: Type.String({ default: '', description: 'http://user:password@host:8123' }),
  CLICKHOUSE_CONNECTIONS: Type.Integer({ default: 4, minimum: 1, maximum: 100 }),
  CLICKHOUSE_ACQUIRE_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 1 }),
});

const REDRAW_MS = 1_000;

/** Returns the exit code. */
export async function runSink(command: SinkCommand): Promise<number> {
  const { words, tables, env, databaseUrl, publication, print, untilSignal } = command;
  if (words.length !== 1 || words[0] !== 'clickhouse' || tables === undefined) {
    throw errors.USAGE({ reason: 'sink takes clickhouse --tables <schema>.<table>[,…]' });
  }
  const port = portOf(command.metrics);
  const names = parseTableNames(tables);
  const settings = loadConfig(config, env);
  if (settings.CLICKHOUSE_URL === '') throw errors.USAGE({ reason: 'which ClickHouse? CLICKHOUSE_URL is not set' });
  const signalled = untilSignal();
  const bus = await connectBus({ ...(await natsOf(command, settings)), name: 'tidemark sink clickhouse' });
  try {
    const sink = await openSink({
      bus,
      databaseUrl,
      publication,
      tables: names,
      clickhouse: {
        url: settings.CLICKHOUSE_URL,
        maxConnections: settings.CLICKHOUSE_CONNECTIONS,
        acquireTimeoutMs: settings.CLICKHOUSE_ACQUIRE_TIMEOUT_MS,
      },
      observe: (event) => print(lineOf(event)),
    });
    const page = port === undefined ? undefined : await serveSinkMetrics(sink, port);
    print(`following ${names.map(({ schema, table }) => `${schema}.${table}`).join(', ')}; Ctrl-C stops`);
    const drawing = setInterval(() => command.redraw?.(summaryOf(sink.stats())), REDRAW_MS);
    try {
      await Promise.race([signalled, sink.ended]);
    } finally {
      clearInterval(drawing);
      await page?.close();
      await sink.stop();
    }
    print('stopped; the next start goes on from here');
    return 0;
  } finally {
    await bus.close();
  }
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw errors.USAGE({ reason: `--metrics ${text} is no port` });
}

/** Your own NATS, else that of the home, whose user `consumer` may read the changes and nothing else. */
async function natsOf({ env, home }: SinkCommand, settings: Parameters<typeof busOptions>[0]) {
  if (env.NATS_URL) return busOptions(settings);
  const running = await readRunningHome(home);
  if (!running?.consumerNatsUrl) {
    throw errors.USAGE({
      reason: `which NATS? NATS_URL is not set, and no \`npm start\` with its own NATS runs in ${home}`,
    });
  }
  return { ...busOptions(settings), url: running.consumerNatsUrl, inboxPrefix: CONSUMER_INBOX };
}

function lineOf(event: SinkEvent): string {
  switch (event.type) {
    case 'sink.snapshot':
      return `${event.table}: copying, since ${event.reason}`;
    case 'sink.copied':
      return `${event.table}: copied ${number(event.rows)} rows in ${(event.ms / 1_000).toFixed(1)} s`;
    case 'sink.altered':
      return `${event.table}: altered; added ${event.added.join(', ') || 'nothing'}, dropped ${event.dropped.join(', ') || 'nothing'}`;
    case 'sink.truncated':
      return `${event.table}: truncated`;
    case 'sink.table_gone':
      return `${event.table}: no longer published, or without a key; its rows stay as they are`;
    case 'sink.retrying':
      return `trying again: ${explain(event.error)}`;
    case 'sink.recovered':
      return `it works again, at attempt ${event.attempts}`;
  }
}

const summaryOf = ({ tables, queuedBytes, problem }: SinkStats) =>
  [
    ...tables.map(
      ({ table, rowsTotal, deletesTotal }) => `${table} ${number(rowsTotal)} rows, ${number(deletesTotal)} deletes`,
    ),
    `${number(Math.round(queuedBytes / 1_024))} KB wait`,
    ...(problem === undefined ? [] : [problem]),
  ].join('; ');
