/**
 * The frame of the trials of live queries: a stack and two realtime instances of their own, writers, and clients that follow what
 * they write by the protocol alone, while something is broken. At the end every client has to have what the database has.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { migrate } from '@tidemark/db';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import { FILTERS, ModelClient, rowsText } from '@tidemark/realtime/checker';
import { type Rival, startRival } from '../child.ts';
import { type Load, SETUP, SUM, WRITERS, watchBacklog, write } from './live-load.ts';
import { atLeast, atMost, equal, type Finding, type TrialContext } from './trial.ts';
import { pause, until } from './until.ts';

/** Clients of both tables, over both instances. */
const THINGS_CLIENTS = 12;
const ACCOUNTS_CLIENTS = 2;
/** All clients are where the database is within this time after the last write. */
const CATCH_UP_MS = 120_000;
/** Over which an instance that stops lets its clients go; in full as by default. */
const DRAIN_MS = { quick: 300, full: 3_000 };

export interface Instance {
  /** As in pg_stat_replication: `tidemark relay <name>`. */
  readonly name: string;
  url(): string;
  pid(): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface Chase {
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

export interface ChaseOptions {
  postgresSettings?: Record<string, string>;
  /** What is broken, while writers write and clients follow. */
  faults(chase: Chase): Promise<Finding[]>;
  /** Epochs that the faults have to bring about; 0: no resync at all. */
  epochs: number;
}

export async function chase(context: TrialContext, options: ChaseOptions): Promise<Finding[]> {
  const { postgresSettings = {} } = options;
  const stack = await startTemporaryStack({ replica: false, postgresSettings });
  context.cleanup(() => stack.stop());
  const url = stack.primary.url;
  await migrate(url);
  await stack.primary.query(SETUP);
  const kind = context.quick ? 'quick' : 'full';
  const instances = [instance('a', stack, DRAIN_MS[kind]), instance('b', stack, DRAIN_MS[kind])];
  context.cleanup(async () => void (await Promise.allSettled(instances.map((one) => one.stop()))));
  await Promise.all(instances.map((one) => one.start()));
  const running = chaseOf(stack, instances);
  await running.active();

  const torn = { times: 0, last: '' };
  const clients = follow(instances, torn);
  context.cleanup(async () => {
    for (const client of clients) client.stop();
  });
  for (const client of clients) client.start();
  await until('every client to have a snapshot', () => clients.every((client) => client.snapshots > 0));
  const before = await running.epochs();

  const load: Load = { writing: true, waiting: false, written: 0 };
  const watching = watchBacklog(running.backlog, load);
  const startedAt = performance.now();
  const writers = Array.from({ length: WRITERS }, (_, n) => write(url, n, load, kind));
  let found: Finding[] = [];
  try {
    found = await options.faults(running);
  } finally {
    load.writing = false;
    await Promise.all([...writers, watching]);
  }
  const rate = (load.written / (performance.now() - startedAt)) * 1_000;
  const behind = await catchUp(stack, clients);

  const epochs = (await running.epochs()).length - before.length;
  const total = (count: (client: ModelClient) => number) => clients.reduce((sum, one) => sum + count(one), 0);
  const resyncs = clients.flatMap((client) => client.resyncs);
  const surprises = clients.flatMap((client) => client.surprises);
  context.log(
    `${load.written} transactions (${rate.toFixed(0)}/s), ${total((one) => one.connections)} connections, ` +
      `${total((one) => one.resumes)} resumes, ${total((one) => one.snapshots)} snapshots, ${resyncs.length} resyncs` +
      `${resyncs.length > 0 ? ` (${[...new Set(resyncs)].join('; ')})` : ''}`,
  );
  for (const line of [...surprises, ...behind].slice(0, 5)) context.log(line.slice(0, 500));
  return [
    ...found,
    atLeast('transactions written meanwhile', 50, load.written),
    equal(`clients of ${clients.length} that differ from the database in the end`, 0, behind.length),
    equal('changes that came twice, or not at all', 0, surprises.length),
    { ...equal('transactions that were seen in part', 0, torn.times), got: `${torn.times} ${torn.last}` },
    options.epochs === 0
      ? equal('clients that were told to start afresh', 0, resyncs.filter((reason) => !isBacklog(reason)).length)
      : atLeast('clients that were told to start afresh', clients.length, resyncs.length),
    equal('epochs that were minted', options.epochs, epochs),
    atMost(
      'refusals not to be retried',
      0,
      total((one) => one.refusals.filter((text) => text.includes('not')).length),
    ),
  ];
}

/** A client that resumes far behind, or on an instance that has just started, may be told to start afresh: no gap either. */
const isBacklog = (reason: string) => /just begun|too much|too old|faster than|too slow/.test(reason);

function follow(instances: readonly Instance[], torn: { times: number; last: string }): ModelClient[] {
  /** Each connection on another instance than the one before. */
  const urlOf = (n: number) => {
    let at = n;
    return () => (instances[at++ % instances.length] as Instance).url();
  };
  const things = Array.from({ length: THINGS_CLIENTS }, (_, n) => {
    const [filter] = FILTERS[n % FILTERS.length] as readonly [string, string];
    return new ModelClient({ url: urlOf(n), query: `things?${filter}` });
  });
  const accounts = Array.from({ length: ACCOUNTS_CLIENTS }, (_, n) => {
    return new ModelClient({
      url: urlOf(n),
      query: 'accounts?',
      onWhole(rows) {
        let sum = 0;
        for (const { balance } of rows.values()) sum += Number(balance);
        if (sum === SUM) return;
        torn.times += 1;
        torn.last = `(a sum of ${sum} where ${SUM} is)`;
      },
    });
  });
  return [...things, ...accounts];
}

/** @returns what is wrong with each client that did not get there in time */
async function catchUp(stack: Stack, clients: readonly ModelClient[]): Promise<string[]> {
  const wanted = new Map<string, string>();
  for (const client of clients) {
    const where = FILTERS.find(([filter]) => client.query === `things?${filter}`)?.[1];
    const from = where === undefined ? 'accounts t' : `things t where ${where}`;
    const rows = await stack.primary.query<{ row: { id: number } }>(`select to_jsonb(t) as row from ${from}`);
    wanted.set(client.query, rowsText(rows.map(({ row }) => row)));
  }
  const deadline = Date.now() + CATCH_UP_MS;
  const behind: string[] = [];
  for (const client of clients) {
    const text = wanted.get(client.query) as string;
    const isThere = () => rowsText(client.rows.values()) === text;
    while (!isThere() && Date.now() < deadline) await pause(200);
    if (isThere()) continue;
    behind.push(`${client.query} has ${rowsText(client.rows.values()).slice(0, 200)}… and not ${text.slice(0, 200)}…`);
  }
  return behind;
}

function instance(name: string, stack: Stack, drainMs: number): Instance {
  let rival: Rival | undefined;
  const path = fileURLToPath(import.meta.resolve('@tidemark/realtime/main'));
  let url = 'ws://127.0.0.1:1';
  const secret = randomBytes(24).toString('hex');
  const startOnce = () =>
    startRival(`realtime ${name}`, path, {
      PORT: '0',
      // What is broken on purpose is in every log; LAB_LOG=warn shows it.
      LOG_LEVEL: process.env.LAB_LOG ?? 'silent',
      INSTANCE: name,
      DRAIN_MS: String(drainMs),
      DATABASE_URL: stack.primary.url,
      NATS_URL: stack.nats.url,
      JWT_SECRET: secret,
    });
  return {
    name,
    url: () => url,
    pid: () => rival?.pid ?? 0,
    async start() {
      // On a busy machine the first statement may overrun its limit; what supervises it would start it again, too.
      await until(`realtime ${name} to start`, async () => {
        rival = await startOnce();
        return true;
      });
      url = (rival as Rival).url.replace('http', 'ws');
    },
    async kill() {
      await rival?.kill('SIGKILL');
    },
    async stop() {
      await rival?.stop();
    },
  };
}

function chaseOf(stack: Stack, instances: readonly Instance[]): Chase {
  const query = <R extends object>(text: string) => stack.primary.query<R & Record<string, unknown>>(text);
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
      const [at] = await query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
      await until('the relay to be there', async () => {
        const [row] = await query<{ there: boolean }>(
          `select confirmed_flush_lsn >= '${at?.lsn}'::pg_lsn as there from pg_replication_slots where slot_type = 'logical'`,
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
