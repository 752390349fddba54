/**
 * The frame of the trials of live queries: a stack and two realtime instances of their own, writers, and clients that follow what
 * they write by the protocol alone, while something is broken. At the end every client has to have what the database has.
 */
import { randomBytes } from 'node:crypto';
import { migrate } from '@tidemark/db';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import { as, type ModelClient, type Row, rowsText } from '@tidemark/testing/live-checker';
import postgres from 'postgres';
import { answered, pause, until } from '../../measuring/waiting.ts';
import { atLeast, atMost, equal, type Finding, type TrialContext } from '../trial.ts';
import { type Instance, liveInstance } from './instance.ts';
import { type Follower, follow } from './model-clients.ts';
import { type Load, SETUP, watchBacklog, write } from './writers.ts';

/** Of every kind, over both instances. */
const CLIENTS = { quick: 30, full: 200 };
const WRITERS = { quick: 4, full: 8 };
/** Each writer's pace: together at most 2,000 transactions a second; quick ones, beside other tests, 400. */
const WRITER_MS = { quick: 10, full: 4 };
/** Over which an instance that stops lets its clients go; in full as by default. */
const DRAIN_MS = { quick: 300, full: 3_000 };
const SECRET = randomBytes(24).toString('hex');
/** All clients are where the database is within this time after the last write. */
const CATCH_UP_MS = { quick: 30_000, full: 120_000 };

export interface LiveFaults {
  readonly stack: Stack;
  readonly instances: readonly Instance[];
  /** The one whose relay has the slot, once there is one. */
  active(): Promise<Instance>;
  /** Resolves once the relay has confirmed what is in the WAL by now. */
  relayed(): Promise<void>;
  /** Bytes of WAL that the relay has not confirmed. */
  backlog(): Promise<number>;
  epochs(): Promise<string[]>;
}

export interface LiveFaultOptions {
  postgresSettings?: Record<string, string>;
  /** What is broken, while writers write and clients follow. */
  faults(liveFaultTrial: LiveFaults, clients: readonly ModelClient[]): Promise<Finding[]>;
  clients?: number;
  writers?: number;
  /** Of each writer, ms from one transaction to the next. */
  writerMs?: number;
  /** Epochs that the faults have to bring about; 0: no resync at all. */
  epochs: number;
}

export async function liveFaultTrial(context: TrialContext, options: LiveFaultOptions): Promise<Finding[]> {
  const kind = context.quick ? 'quick' : 'full';
  const { postgresSettings = {}, clients: count = CLIENTS[kind], writers: many = WRITERS[kind] } = options;
  const { writerMs = WRITER_MS[kind] } = options;
  const stack = await startTemporaryStack({ replica: false, postgresSettings });
  context.cleanup(() => stack.stop());
  const url = stack.primary.url;
  await migrate(url);
  await stack.primary.query(SETUP);
  const env = {
    DRAIN_MS: String(DRAIN_MS[kind]),
    DATABASE_URL: url,
    NATS_URL: stack.nats.url,
    JWT_SECRET: SECRET,
  };
  const instances = [liveInstance('a', env), liveInstance('b', env)];
  context.cleanup(async () => void (await Promise.allSettled(instances.map((one) => one.stop()))));
  await Promise.all(instances.map((one) => one.start()));
  const running = runningOf(stack, instances);
  await running.active();

  const torn = { times: 0, last: '' };
  const followers = follow(
    instances.map(({ url }) => url),
    count,
    SECRET,
    torn,
  );
  const clients = followers.map(({ client }) => client);
  context.cleanup(async () => {
    for (const client of clients) client.stop();
  });
  for (const client of clients) client.start();
  await until('every client to have a snapshot', () => clients.every((client) => client.snapshots > 0));
  const before = await running.epochs();
  const begun = new Map(clients.map((client) => [client, client.snapshots]));

  const load: Load = { writing: true, waiting: false, written: 0 };
  const watching = watchBacklog(running.backlog, load);
  const startedAt = performance.now();
  const writers = Array.from({ length: many }, (_, n) => write(url, n, writerMs, load));
  let found: Finding[] = [];
  try {
    found = await options.faults(running, clients);
  } finally {
    load.writing = false;
    await Promise.all([...writers, watching]);
  }
  const rate = (load.written / (performance.now() - startedAt)) * 1_000;
  const behind = await catchUp(stack, followers, CATCH_UP_MS[kind]);

  const epochs = (await running.epochs()).length - before.length;
  const total = (count: (client: ModelClient) => number) => clients.reduce((sum, one) => sum + count(one), 0);
  const resyncs = clients.flatMap((client) => client.resyncs);
  const surprises = clients.flatMap((client) => client.surprises);
  const isAfresh = (client: ModelClient) => client.snapshots > (begun.get(client) ?? 0);
  const leaks = clients.flatMap((client) => client.leaks);
  context.log(
    `${load.written} transactions (${rate.toFixed(0)}/s), ${total((one) => one.connections)} connections, ` +
      `${total((one) => one.resumes)} resumes, ${total((one) => one.refreshes)} refreshes, ${total((one) => one.snapshots)} snapshots, ${resyncs.length} resyncs` +
      `${resyncs.length > 0 ? ` (${[...new Set(resyncs)].join('; ')})` : ''}`,
  );
  for (const line of [...leaks, ...surprises, ...behind].slice(0, 5)) context.log(line.slice(0, 500));
  return [
    ...found,
    atLeast('transactions written meanwhile', 50, load.written),
    equal(`clients of ${clients.length} that differ from the database in the end`, 0, behind.length),
    equal('changes that came twice, or not at all', 0, surprises.length),
    equal('rows that were sent and must not be seen', 0, leaks.length),
    { ...equal('transactions that were seen in part', 0, torn.times), got: `${torn.times} ${torn.last}` },
    options.epochs === 0
      ? equal('clients that were told to start afresh', 0, resyncs.filter((reason) => !isBacklog(reason)).length)
      : atLeast('clients that started afresh', clients.length, clients.filter(isAfresh).length),
    equal('epochs that were minted', options.epochs, epochs),
    atMost(
      'refusals not to be retried',
      0,
      total((one) => one.refusals.filter((text) => text.includes('not')).length),
    ),
  ];
}

/** A client that resumes far behind, or on an instance that has just started, may be told to start afresh: no gap either. */
const isBacklog = (reason: string) =>
  /just begun|too much|too old|faster than|too slow|decided in time|window could not be read/.test(reason);

/** @returns what is wrong with each client that did not get there in time */
async function catchUp(stack: Stack, followers: readonly Follower[], ms: number): Promise<string[]> {
  const sql = postgres(stack.primary.url, { max: 1, onnotice: () => {} });
  const deadline = Date.now() + ms;
  const behind: string[] = [];
  try {
    for (const { guise, client } of followers) {
      // SELECTs under its role and claims: the policies decide what it has to have.
      const results = await sql.unsafe(as(guise.user, guise.select)).simple();
      const rows = (results as unknown as { row: Row }[][]).flat().filter(({ row }) => row !== undefined);
      const wanted = rowsText(
        rows.map(({ row }) => row),
        guise.window,
      );
      while (client.text() !== wanted && Date.now() < deadline) await pause(200);
      if (client.text() !== wanted) {
        behind.push(`${guise.name} has ${client.text().slice(0, 200)}… and not ${wanted.slice(0, 200)}…`);
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
    async active() {
      let found: Instance | undefined;
      await until('an active relay', async () => {
        const rows = await query<{ name: string }>(
          `select application_name as name from pg_stat_replication where application_name like 'tidemark relay %'`,
        );
        found = instances.find(({ name }) => rows.some((row) => row.name === `tidemark relay ${name}`));
        return found !== undefined;
      });
      return found as Instance;
    },
    async relayed() {
      let lsn: string | undefined;
      await until('the position of the WAL', async () => {
        const [at] = await query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
        lsn = at?.lsn;
        return lsn !== undefined;
      });
      await until('the relay to be there', async () => {
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
