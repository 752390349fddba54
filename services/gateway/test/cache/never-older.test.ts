/**
 * The checker: writers behind the gateways' backs and through them, a replica whose replay is paused at random, and readers of
 * two gateways. Each row carries the number of its last write; `log` has, for each write, the position of its commit. No
 * answer may miss a write whose position is at or before the answer's tidemark. The fault lab does it for longer, and with faults
 * (packages/bench/src/lab/trials: cache-checker, write-then-read).
 */
import postgres from 'postgres';
import t from 'tap';
import { useCachedGateway } from './relay.ts';

const ROWS = 8;
const gateway = await useCachedGateway(t, {
  script: `
    create table counters (id int primary key, version int not null default 0);
    create table parts (id int primary key, counter_id int not null references counters, version int not null default 0);
    create view counted as select id, version from counters;
    insert into counters select i from generate_series(1, ${ROWS}) i;
    insert into parts select i, i from generate_series(1, ${ROWS}) i;
    grant select, insert, update, delete on counters, parts, counted to anon;
    alter publication tidemark add table counters, parts;
    do $$ begin
      for i in 1..${ROWS} loop
        execute format('create table own_%s (id int primary key, version int not null default 0)', i);
        execute format('insert into own_%s values (1)', i);
        execute format('grant select, update on own_%s to anon', i);
        execute format('alter publication tidemark add table own_%s', i);
      end loop;
    end $$;`,
});
const urls = [gateway.url, await gateway.another()];
for (const url of urls) await gateway.serving(url);
const owner = postgres(gateway.database.primaryUrl, { max: 4, onnotice: () => {} });
// A connection to the replica as superuser, who may pause replay.
const replica = postgres(gateway.database.replicaUrl, { max: 1, onnotice: () => {} });
t.teardown(async () => {
  await replica`select pg_wal_replay_resume()`;
  await Promise.all([owner.end({ timeout: 1 }), replica.end({ timeout: 1 })]);
});

const random = (below: number) => Math.floor(Math.random() * below);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const position = (tidemark: string) => BigInt(`0x${tidemark.split('-')[1]}`);
/** Commits by place: an upper bound of the position of each. */
const commits = new Map<string, { version: number; lsn: bigint }[]>();

/** Increments a row by SQL. Its commit ends at or before the position that is read afterwards. */
async function write(table: 'counters' | 'parts', id: number): Promise<void> {
  const [row] = await owner`update ${owner(table)} set version = version + 1 where id = ${id} returning version`;
  const [at] = await owner`select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text as lsn`;
  note(`${table}/${id}`, row?.version, BigInt(at?.lsn));
}

function note(place: string, version: number, lsn: bigint): void {
  const list = commits.get(place) ?? [];
  list.push({ version, lsn });
  commits.set(place, list);
}

interface Seen {
  path: string;
  source: string | null;
  status: string | null;
  place: string;
  version: number;
  lsn: bigint;
}

const sources = new Map<string, number>();
/** Checked at the end: what was committed may be known only after it was read. */
let seen: Seen[] = [];

function violations(): (Seen & { owed: number })[] {
  return seen.flatMap((one) => {
    let owed = 0;
    for (const commit of commits.get(one.place) ?? []) {
      if (commit.lsn <= one.lsn && commit.version > owed) owed = commit.version;
    }
    return one.version < owed ? [{ ...one, owed }] : [];
  });
}

async function get(url: string, path: string, tidemark?: string): Promise<{ rows: Row[]; tidemark: string }> {
  const answer = await fetch(`${url}/rest/v1/${path}`, tidemark ? { headers: { tidemark } } : {});
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  const rows = (await answer.json()) as Row[];
  const at = answer.headers.get('tidemark') as string;
  const source = answer.headers.get('tidemark-source');
  const status = answer.headers.get('cache-status');
  const table = /^own_\d/.exec(path)?.[0] ?? 'counters';
  sources.set(source ?? '', (sources.get(source ?? '') ?? 0) + 1);
  const see = (place: string, version: number) =>
    seen.push({ path, source, status, place, version, lsn: position(at) });
  for (const row of rows) {
    see(`${table}/${row.id}`, row.version);
    for (const part of row.parts ?? []) see(`parts/${part.id}`, part.version);
  }
  if (tidemark && at < tidemark) throw new Error(`asked for ${tidemark}, got ${at}`);
  return { rows, tidemark: at };
}

interface Row {
  id: number;
  version: number;
  parts?: { id: number; version: number }[];
}

const paths = [
  ...Array.from({ length: ROWS }, (_, i) => `counters?id=eq.${i + 1}`),
  'counters?select=id,version,parts(id,version)&id=lte.3',
  'counted?id=gt.2',
  'counters',
];

/** Pauses and resumes replay at random until told to stop. */
function disturb(pausedMs: number, movingMs: number): () => Promise<void> {
  let going = true;
  const loop = (async () => {
    while (going) {
      await replica`select pg_wal_replay_pause()`;
      await pause(random(pausedMs));
      await replica`select pg_wal_replay_resume()`;
      await pause(random(movingMs));
    }
  })();
  return async () => {
    going = false;
    await loop;
  };
}

t.test('no read is older than its tidemark', async (t) => {
  const until = Date.now() + 5_000;
  const calm = disturb(400, 900);
  let written = 0;
  const writers = Array.from({ length: 2 }, async () => {
    while (Date.now() < until) {
      await write(random(3) === 0 ? 'parts' : 'counters', 1 + random(ROWS));
      written += 1;
      // Bursts, and calm in which something can be cached.
      await pause(random(8) === 0 ? random(900) : random(20));
    }
  });
  let reads = 0;
  const readers = Array.from({ length: 6 }, async () => {
    let last: string | undefined;
    while (Date.now() < until) {
      const ask = random(3) === 0 ? last : undefined;
      last = (await get(urls[random(2)] as string, paths[random(paths.length)] as string, ask)).tidemark;
      reads += 1;
      await pause(random(4));
    }
  });
  await Promise.all([...writers, ...readers]);
  await calm();
  t.same(violations(), [], 'none is older');
  seen = [];
  const cached = sources.get('cache') ?? 0;
  t.ok(cached > reads / 50, `${reads} reads, ${written} writes; ${JSON.stringify(Object.fromEntries(sources))}`);
  t.comment(`${reads} reads, ${written} writes; ${JSON.stringify(Object.fromEntries(sources))}`);
});

t.test('a read after a write sees it, over two gateways', async (t) => {
  const PAIRS = 800;
  sources.clear();
  const calm = disturb(250, 700);
  const stale: unknown[] = [];
  let pairs = 0;
  const last: { version: number; tidemark: string }[] = [];

  async function check(place: number): Promise<void> {
    const known = last[place];
    if (!known) return;
    const { rows } = await get(urls[random(2)] as string, `own_${place}?select=id,version`, known.tidemark);
    const version = rows[0]?.version ?? -1;
    // Another may have written since; before, nobody.
    if (version < known.version) stale.push({ place, known, version });
    pairs += 1;
  }

  // Each writes a table of its own, and reads it back; then what others wrote a while ago, which may be cached by now.
  const clients = Array.from({ length: ROWS }, async (_, i) => {
    const place = i + 1;
    while (pairs < PAIRS) {
      const version = (last[place]?.version ?? 0) + 1;
      const written = await fetch(`${urls[random(2)]}/rest/v1/own_${place}?id=eq.1`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ version }),
      });
      const tidemark = written.headers.get('tidemark');
      if (written.status !== 204 || !tidemark) throw new Error(`${written.status} ${await written.text()}`);
      note(`own_${place}/1`, version, position(tidemark));
      last[place] = { version, tidemark };
      await check(place);
      for (let more = random(12); more > 0; more -= 1) await check(1 + random(ROWS));
      if (place > 2) await pause(random(500));
    }
  });
  await Promise.all(clients);
  await calm();
  const counts = JSON.stringify(Object.fromEntries(sources));
  t.same(stale, [], `of ${pairs} pairs; ${counts}`);
  t.same(violations(), [], 'and none is older than its tidemark');
  t.ok((sources.get('cache') ?? 0) > pairs / 50, `the cache took part: ${counts}`);
  t.comment(`${pairs} pairs; ${counts}`);
});
