/**
 * Replay on the replica pauses at random. Each row holds the number of its last write; the history has a position at
 * or after the commit of each write, and the tidemark of each read. No response may miss a write at or before its
 * tidemark.
 */
import { randomBytes } from 'node:crypto';
import type { Stack } from '@tidemark/local-stack';
import postgres from 'postgres';
import { Agent, request } from 'undici';
import { errors } from '../../errors.ts';
import { type Loop, repeat } from '../../measuring/loops.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { readMetric } from '../../processes/service-metrics.ts';
import { startService } from '../../processes/services.ts';
import type { TrialContext } from '../trial.ts';
import { startGateway } from './gateway.ts';

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
/** Below the default, so that trials wait less; the relay's heartbeat interval is 500 ms. */
const SILENCE_MS = 1_000;
const RESPONSE_MS = 15_000;

export const random = (below: number) => Math.floor(Math.random() * below);

export interface CachedGateways {
  readonly stack: Stack;
  readonly history: History;
  readonly owner: postgres.Sql;
  read(path: string, tidemark?: string): Promise<Read>;
  write(place: number, version: number): Promise<string>;
  relay(): ServerProcess;
  startRelay(): Promise<void>;
  cacheMetric(name: string): Promise<number>;
  serving(): Promise<void>;
  disturbReplay(maxPausedMs: number, maxRunningMs: number): Loop;
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

class History {
  readonly #writes = new Map<string, { version: number; lsn: bigint }[]>();
  #reads: { place: string; version: number; lsn: bigint; what: string }[] = [];
  readonly sources = new Map<string, number>();

  addWrite(place: string, version: number, lsn: bigint): void {
    const list = this.#writes.get(place) ?? [];
    this.#writes.set(place, list);
    list.push({ version, lsn });
  }

  addRead(place: string, version: number, lsn: bigint, what: string): void {
    this.#reads.push({ place, version, lsn, what });
  }

  /** Forgets all reads. Call it at rest: a write may be recorded after it was read. */
  violations(): string[] {
    const reads = this.#reads;
    this.#reads = [];
    return reads.flatMap(({ place, version, lsn, what }) => {
      const covered = (this.#writes.get(place) ?? []).filter((write) => write.lsn <= lsn);
      const newest = covered.reduce((max, write) => Math.max(max, write.version), 0);
      return version < newest ? [`${what}: ${place} at ${version} instead of ${newest}`] : [];
    });
  }
}

const lsnOf = (tidemark: string) => BigInt(`0x${tidemark.split('-')[1]}`);

export async function cachedGateways(context: TrialContext): Promise<CachedGateways> {
  const stack = await context.ownStack({}, SETUP);
  const replica = stack.replicas[0]!;
  const servers = { primaryUrl: stack.primary.url, natsUrl: stack.nats.url };
  const NATS_PREFIX = `lab${randomBytes(4).toString('hex')}`;
  const env = { NATS_PREFIX, CACHE_SILENCE_MS: String(SILENCE_MS), SHED_LOOP_MS: '0', SHED_QUEUE_MS: '0' };
  let relay: ServerProcess | undefined;
  const startRelay = async () => {
    relay = await startService('realtime', servers, { env: { NATS_PREFIX } });
  };
  context.cleanup(async () => relay?.stop());
  const startOne = () => startGateway(context, { ...servers, replicaUrl: replica.url }, env);
  const [first, second] = await Promise.all([startOne(), startOne(), startRelay()]);
  const urls = [first.url, second.url];
  const owner = postgres(stack.primary.url, { max: 4, onnotice: () => {} });
  context.cleanup(() => owner.end({ timeout: 1 }));
  const dispatcher = new Agent({ headersTimeout: RESPONSE_MS, bodyTimeout: RESPONSE_MS });
  context.cleanup(() => dispatcher.close());
  const history = new History();

  async function read(path: string, tidemark?: string, url = urls[random(2)]): Promise<Read> {
    const headers = tidemark ? { tidemark } : {};
    const response = await request(`${url}/rest/v1/${path}`, { dispatcher, headers });
    const text = await response.body.text();
    const received = response.headers as Record<string, string>;
    if (response.statusCode !== 200) throw errors.WRONG_ANSWER({ what: path, status: response.statusCode, text });
    const at = received.tidemark as string;
    const source = received['tidemark-source'] as string;
    history.sources.set(source, (history.sources.get(source) ?? 0) + 1);
    const what = `${path} (${source}, ${received['cache-status']})`;
    if (tidemark && at < tidemark) throw errors.WRONG_ANSWER({ what, status: 200, text: `${at} for ${tidemark}` });
    const table = /^own_\d+/.exec(path)?.[0] ?? 'counters';
    const rows = JSON.parse(text) as Row[];
    for (const row of rows) {
      history.addRead(`${table}/${row.id}`, row.version, lsnOf(at), what);
      for (const part of row.parts ?? []) history.addRead(`parts/${part.id}`, part.version, lsnOf(at), what);
    }
    return { version: rows[0]?.version ?? -1, tidemark: at, source };
  }

  return {
    stack,
    history,
    owner,
    read,
    startRelay,
    relay: () => relay as ServerProcess,
    async write(place, version) {
      const response = await request(`${urls[random(2)]}/rest/v1/own_${place}?id=eq.1`, {
        dispatcher,
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ version }),
      });
      const text = await response.body.text();
      if (response.statusCode !== 204) {
        throw errors.WRONG_ANSWER({ what: 'PATCH', status: response.statusCode, text });
      }
      const tidemark = response.headers.tidemark as string;
      history.addWrite(`own_${place}/1`, version, lsnOf(tidemark));
      return tidemark;
    },
    async cacheMetric(name) {
      const values = await Promise.all(urls.map((url) => readMetric(url, `tidemark_cache_${name}`)));
      return values.reduce((sum, value) => sum + value, 0);
    },
    async serving() {
      for (const url of urls) {
        await until(
          'responses from the cache',
          async () => (await read('counters', undefined, url)).source === 'cache',
        );
      }
    },
    disturbReplay: (maxPausedMs, maxRunningMs) =>
      repeat(async () => {
        await replica.query('select pg_wal_replay_pause()');
        await pause(random(maxPausedMs));
        await replica.query('select pg_wal_replay_resume()');
        await pause(random(maxRunningMs));
      }),
  };
}
