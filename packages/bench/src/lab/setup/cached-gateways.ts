/**
 * The frame of the cache's trials: a stack with a replica whose replay is paused at random, a relay, two gateways with caches, and
 * a book. Each row carries the number of its last write; the book has, for each write, a position at or past its commit, and
 * each row that was read with the tidemark of its answer. No answer may miss a write at or before its tidemark.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { migrate, runScript } from '@tidemark/db';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import postgres from 'postgres';
import { Agent, request } from 'undici';
import { errors } from '../../errors.ts';
import { type ServerProcess, startServer } from '../../processes/server.ts';
import { readMetrics } from '../../processes/service-metrics.ts';
import { until } from '../load/recorded-load.ts';
import type { TrialContext } from '../trial.ts';
import { SECRET, startGateway } from './gateway.ts';

/** Rows of `counters` and `parts`, and tables `own_1`… of one row. */
export const PLACES = 8;
const SETUP = `
create table counters (id int primary key, version int not null default 0);
create table parts (id int primary key, counter_id int not null references counters, version int not null default 0);
create view counted as select id, version from counters;
insert into counters select i from generate_series(1, ${PLACES}) i;
insert into parts select i, i from generate_series(1, ${PLACES}) i;
grant select, update on counters, parts, counted to anon;
alter publication tidemark add table counters, parts;
do $$ begin
  for i in 1..${PLACES} loop
    execute format('create table own_%s (id int primary key, version int not null default 0)', i);
    execute format('insert into own_%s values (1)', i);
    execute format('grant select, update on own_%s to anon', i);
    execute format('alter publication tidemark add table own_%s', i);
  end loop;
end $$;`;
/** Below the default, so that a trial waits less: the relay's heartbeat comes each 500 ms. */
const SILENCE_MS = 1_000;
const ANSWER_MS = 15_000;

export const random = (below: number) => Math.floor(Math.random() * below);
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export interface CachedGateways {
  readonly stack: Stack;
  readonly urls: readonly string[];
  readonly book: Book;
  /** A connection that goes behind the gateways' backs. */
  readonly owner: postgres.Sql;
  /** Reads rows (of a table, or with their parts) and notes them. @throws for another answer than 200 */
  read(path: string, tidemark?: string): Promise<Read>;
  /** Writes through a gateway and notes it: to `own_<place>`. */
  write(place: number, version: number): Promise<string>;
  relay(): ServerProcess;
  startRelay(): Promise<void>;
  /** Figures of the caches, summed. */
  figure(name: string): Promise<number>;
  /** Until both serve from their caches. */
  serving(): Promise<void>;
  /** Pauses replay at random, until it is told to stop. */
  disturb(pausedMs: number, movingMs: number): () => Promise<void>;
}

export interface Read {
  readonly version: number;
  readonly tidemark: string;
  readonly source: string;
}

interface Row {
  id: number;
  version: number;
  parts?: Row[];
}

class Book {
  readonly #writes = new Map<string, { version: number; lsn: bigint }[]>();
  #reads: { place: string; version: number; lsn: bigint; what: string }[] = [];
  readonly sources = new Map<string, number>();

  wrote(place: string, version: number, lsn: bigint): void {
    const list = this.#writes.get(place) ?? [];
    this.#writes.set(place, list);
    list.push({ version, lsn });
  }

  read(place: string, version: number, lsn: bigint, what: string): void {
    this.#reads.push({ place, version, lsn, what });
  }

  /** Reads that miss what their tidemark covers; what was looked at is forgotten. At rest only: a write may be noted after it was read. */
  violations(): string[] {
    const reads = this.#reads;
    this.#reads = [];
    return reads.flatMap(({ place, version, lsn, what }) => {
      const covered = (this.#writes.get(place) ?? []).filter((write) => write.lsn <= lsn);
      const owed = covered.reduce((most, write) => Math.max(most, write.version), 0);
      return version < owed ? [`${what}: ${place} at ${version}, and ${owed} was there`] : [];
    });
  }
}

const lsnOf = (tidemark: string) => BigInt(`0x${tidemark.split('-')[1]}`);

export async function cachedGateways(context: TrialContext): Promise<CachedGateways> {
  const stack = await startTemporaryStack();
  context.cleanup(() => stack.stop());
  const replica = stack.replicas[0]!;
  await migrate(stack.primary.url);
  await runScript(stack.primary.url, SETUP);
  await replica.caughtUp();
  const prefix = `lab${randomBytes(4).toString('hex')}`;
  const place = { primaryUrl: stack.primary.url, replicaUrl: replica.url, natsUrl: stack.nats.url };
  const env = { NATS_PREFIX: prefix, CACHE_SILENCE_MS: String(SILENCE_MS), SHED_LOOP_MS: '0', SHED_QUEUE_MS: '0' };
  let relay: ServerProcess | undefined;

  async function startRelay(): Promise<void> {
    relay = await startServer('realtime', fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), {
      ...{ PORT: '0', LOG_LEVEL: process.env.LAB_LOG ?? 'silent', JWT_SECRET: SECRET, NATS_PREFIX: prefix },
      ...{ DATABASE_URL: stack.primary.url, NATS_URL: stack.nats.url },
    });
  }
  context.cleanup(async () => relay?.stop());
  const [first, second] = await Promise.all([
    startGateway(context, place, env),
    startGateway(context, place, env),
    startRelay(),
  ]);
  const urls = [first.url, second.url];
  const owner = postgres(stack.primary.url, { max: 4, onnotice: () => {} });
  context.cleanup(() => owner.end({ timeout: 1 }));
  const agent = new Agent({ headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });
  context.cleanup(() => agent.close());
  const book = new Book();

  async function read(path: string, tidemark?: string, url = urls[random(2)]): Promise<Read> {
    const headers = tidemark ? { tidemark } : {};
    const answer = await request(`${url}/rest/v1/${path}`, { dispatcher: agent, headers });
    const text = await answer.body.text();
    const given = answer.headers as Record<string, string>;
    if (answer.statusCode !== 200) throw errors.WRONG_ANSWER({ what: path, status: answer.statusCode, text });
    const at = given.tidemark as string;
    const source = given['tidemark-source'] as string;
    book.sources.set(source, (book.sources.get(source) ?? 0) + 1);
    const what = `${path} (${source}, ${given['cache-status']})`;
    if (tidemark && at < tidemark) throw errors.WRONG_ANSWER({ what, status: 200, text: `${at} for ${tidemark}` });
    const table = /^own_\d+/.exec(path)?.[0] ?? 'counters';
    const rows = JSON.parse(text) as Row[];
    for (const row of rows) {
      book.read(`${table}/${row.id}`, row.version, lsnOf(at), what);
      for (const part of row.parts ?? []) book.read(`parts/${part.id}`, part.version, lsnOf(at), what);
    }
    return { version: rows[0]?.version ?? -1, tidemark: at, source };
  }

  return {
    ...{ stack, urls, book, owner, read, startRelay },
    relay: () => relay as ServerProcess,
    async write(own, version) {
      const answer = await request(`${urls[random(2)]}/rest/v1/own_${own}?id=eq.1`, {
        ...{ dispatcher: agent, method: 'PATCH', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify({ version }),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 204) throw errors.WRONG_ANSWER({ what: 'PATCH', status: answer.statusCode, text });
      const tidemark = answer.headers.tidemark as string;
      book.wrote(`own_${own}/1`, version, lsnOf(tidemark));
      return tidemark;
    },
    async figure(name) {
      const pages = await Promise.all(urls.map(readMetrics));
      return pages.reduce((sum, figure) => sum + figure(`tidemark_cache_${name}`), 0);
    },
    async serving() {
      for (const url of urls) {
        await until(
          'answers from the cache',
          async () => (await read('counters', undefined, url)).source === 'cache',
          30_000,
        );
      }
    },
    disturb(pausedMs, movingMs) {
      let going = true;
      const loop = (async () => {
        while (going) {
          await replica.query('select pg_wal_replay_pause()');
          await pause(random(pausedMs));
          await replica.query('select pg_wal_replay_resume()');
          await pause(random(movingMs));
        }
      })();
      const stop = async () => {
        going = false;
        await loop;
      };
      return stop;
    },
  };
}
