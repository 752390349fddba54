/**
 * Model clients follow what is written while something is broken. In the end every client must hold what the database
 * holds.
 */
import type { Stack } from '@tidemark/local-stack';
import { as, type ModelClient, type Row, rowsText } from '@tidemark/testing/live-checker';
import postgres from 'postgres';
import { answered, pause, until } from '../../measuring/waiting.ts';
import { atLeast, equal, type Finding, type Mode, none, type Trial, type TrialContext } from '../trial.ts';
import { activeInstance, type Instance, liveInstance } from './instance.ts';
import { type Follower, follow } from './model-clients.ts';
import { type Load, SETUP, watchBacklog, write } from './writers.ts';

/** The clients are spread over both instances. */
const CLIENTS = { quick: 30, full: 200 };
const WRITERS = { quick: 4, full: 8 };
/** Interval of each writer: at most 2,000 transactions a second together, 400 in quick runs beside other tests. */
const WRITER_MS = { quick: 10, full: 4 };
const DRAIN_MS = { quick: 300, full: 3_000 };
/** After the last write all clients must equal the database within this time. */
const CATCH_UP_MS = { quick: 30_000, full: 120_000 };

export interface LiveFaults {
  readonly stack: Stack;
  readonly instances: readonly Instance[];
  active(): Promise<Instance>;
  relayed(): Promise<void>;
  backlog(): Promise<number>;
  epochs(): Promise<string[]>;
}

export interface LiveFaultOptions extends Pick<Trial, 'name' | 'claim'> {
  postgresSettings?: Record<string, string>;
  /** Breaks something while writers write and clients follow. @returns additional findings */
  faults(context: TrialContext, running: LiveFaults, clients: readonly ModelClient[]): Promise<Finding[]>;
  clients?: Readonly<Record<Mode, number>>;
  writers?: number;
  writerMs?: number;
  /** Default 0: no client may be told to resync. */
  epochs?: number;
}

export const liveFaultTrial = (options: LiveFaultOptions): Trial => ({
  name: options.name,
  claim: options.claim,
  run: (context) => run(context, options),
});

async function run(context: TrialContext, options: LiveFaultOptions): Promise<Finding[]> {
  const { mode } = context;
  const { postgresSettings = {}, writerMs = WRITER_MS[mode], clients: count = CLIENTS, epochs = 0 } = options;
  const stack = await context.ownStack({ replica: false, postgresSettings }, SETUP);
  const { url } = stack.primary;
  const env = {
    DRAIN_MS: String(DRAIN_MS[mode]),
    DATABASE_URL: url,
    NATS_URL: stack.nats.url,
  };
  const instances = [liveInstance('a', env), liveInstance('b', env)];
  for (const instance of instances) context.stopAtEnd(instance);
  await Promise.all(instances.map((instance) => instance.start()));
  const running = runningOf(stack, instances);
  await running.active();

  const partial = { count: 0, last: '' };
  const urls = instances.map((instance) => instance.url);
  const followers = follow(urls, count[mode], partial);
  const clients = followers.map(({ client }) => client);
  context.cleanup(async () => {
    for (const client of clients) client.stop();
  });
  for (const client of clients) client.start();
  await until('every client to have a snapshot', () => clients.every((client) => client.snapshots > 0));
  const epochsBefore = (await running.epochs()).length;
  const snapshotsBefore = new Map(clients.map((client) => [client, client.snapshots]));

  const load: Load = { writing: true, waiting: false, written: 0 };
  const watching = watchBacklog(running.backlog, load);
  const startedAt = performance.now();
  const writers = Array.from({ length: options.writers ?? WRITERS[mode] }, (_, n) => write(url, n, writerMs, load));
  let found: Finding[] = [];
  try {
    found = await options.faults(context, running, clients);
  } finally {
    load.writing = false;
    await Promise.all([...writers, watching]);
  }
  const rate = (load.written / (performance.now() - startedAt)) * 1_000;
  const behind = await catchUp(stack, followers, CATCH_UP_MS[mode]);

  const sum = (count: (client: ModelClient) => number) => clients.reduce((total, one) => total + count(one), 0);
  const resyncs = clients.flatMap((client) => client.resyncs);
  const surprises = clients.flatMap((client) => client.surprises);
  const leaks = clients.flatMap((client) => client.leaks);
  const hasRestarted = (client: ModelClient) => client.snapshots > (snapshotsBefore.get(client) ?? 0);
  context.log(
    `${load.written} transactions (${rate.toFixed(0)}/s), ${sum((one) => one.connections)} connections, ` +
      `${sum((one) => one.resumes)} resumes, ${sum((one) => one.refreshes)} token refreshes, ` +
      `${sum((one) => one.snapshots)} snapshots, ${resyncs.length} resyncs: ${[...new Set(resyncs)].join('; ')}`,
  );
  for (const line of [...leaks, ...surprises, ...behind].slice(0, 5)) context.log(line.slice(0, 500));
  return [
    ...found,
    atLeast('transactions written meanwhile', 50, load.written),
    none(`clients (of ${clients.length}) that differ from the database in the end`, behind.length),
    none('changes that came twice, or not at all', surprises.length),
    none('rows that a client received without the right to see them', leaks.length),
    none('transactions of which a client saw a part', partial.count, partial.last),
    epochs === 0
      ? none('unexpected resyncs', resyncs.filter((reason) => !isBacklog(reason)).length)
      : atLeast('clients that received a new snapshot', clients.length, clients.filter(hasRestarted).length),
    equal('new epochs', epochs, (await running.epochs()).length - epochsBefore),
    none(
      'refusals without retry',
      sum((one) => one.refusals.filter((text) => text.includes('not')).length),
    ),
  ];
}

/** A client that resumes far behind, or on an instance that has just started, may be told to resync without a fault. */
const isBacklog = (reason: string) =>
  /just begun|too much|too old|faster than|too slow|decided in time|window could not be read/.test(reason);

async function catchUp(stack: Stack, followers: readonly Follower[], ms: number): Promise<string[]> {
  const sql = postgres(stack.primary.url, { max: 1, onnotice: () => {} });
  const deadline = Date.now() + ms;
  const behind: string[] = [];
  try {
    for (const { guise, client } of followers) {
      // The SELECT runs under the client's role and claims, so that the policies decide what it must hold.
      const results: unknown = await sql.unsafe(as(guise.user, guise.select)).simple();
      const rows = (results as { row: Row }[][]).flat().filter(({ row }) => row !== undefined);
      const expected = rowsText(
        rows.map(({ row }) => row),
        guise.window,
      );
      while (client.text() !== expected && Date.now() < deadline) await pause(200);
      if (client.text() !== expected) {
        behind.push(`${guise.name} has ${client.text().slice(0, 200)}… instead of ${expected.slice(0, 200)}…`);
      }
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
  return behind;
}

function runningOf(stack: Stack, instances: readonly Instance[]): LiveFaults {
  const query = <R extends object>(text: string) => answered(stack.primary.query<R & Record<string, unknown>>(text));
  return {
    stack,
    instances,
    active: () => activeInstance(stack, instances),
    async relayed() {
      let lsn: string | undefined;
      await until('the position of the WAL', async () => {
        const [row] = await query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
        lsn = row?.lsn;
        return lsn !== undefined;
      });
      await until(`the relay to confirm ${lsn}`, async () => {
        const [row] = await query<{ there: boolean }>(
          `select confirmed_flush_lsn >= '${lsn}'::pg_lsn as there from pg_replication_slots where slot_type = 'logical'`,
        );
        return row?.there === true;
      });
    },
    async backlog() {
      const [row] = await query<{ bytes: string }>(
        `select (pg_current_wal_insert_lsn() - confirmed_flush_lsn)::text as bytes from pg_replication_slots
         where slot_type = 'logical'`,
      );
      return Number(row?.bytes ?? 0);
    },
    async epochs() {
      const rows = await query<{ reason: string }>('select reason from tidemark.epochs order by epoch');
      return rows.map(({ reason }) => reason);
    },
  };
}
