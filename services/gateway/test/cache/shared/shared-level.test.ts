/** The second level on a real redis-server: shared by two gateways, never older, and never in the way. */
import { createClient, RESP_TYPES } from '@redis/client';
import { until } from '@tidemark/testing';
import t from 'tap';
import { strongEtag } from '../../../src/cache/etag.ts';
import { Breaker } from '../../../src/cache/shared/breaker.ts';
import { decodeShared, encodeShared } from '../../../src/cache/shared/shared-value.ts';
import { useCachedGateway } from '../relay.ts';
import { useRedis } from './redis-server.ts';

const ROWS = 6;
const redis = await useRedis(t);
const gateway = await useCachedGateway(t, {
  script: `
    create table items (id int primary key, version int not null default 0);
    create table notes (id int primary key, owner text not null);
    create table logs (id bigint generated always as identity primary key, item int, version int, lsn text);
    insert into items select i from generate_series(1, ${ROWS}) i;
    insert into notes values (1, 'ada'), (2, 'bob');
    alter table notes enable row level security;
    create policy own on notes to authenticated
      using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
    grant select, insert, update on items, notes to anon, authenticated;
    alter publication tidemark add table items, notes;`,
  // A first level with room for next to nothing: every read goes to the second.
  env: { CACHE_URL: redis.url, CACHE_BYTES: '16384', CACHE_ENTRY_BYTES: '2048', CACHE_SHARED_TIMEOUT_MS: '50' },
});
const urls = [gateway.url, await gateway.another()];
for (const url of urls) await gateway.serving(url);
const [first, second] = urls as [string, string];
const client = createClient({ url: redis.url }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
// The test stops the server; the client reconnects.
client.on('error', () => undefined);
await client.connect();
t.teardown(() => client.destroy());
t.teardown(() => gateway.replica`select pg_wal_replay_resume()`);

const read = (url: string, path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers });
const statusOf = (answer: Response) => answer.headers.get('cache-status');
const versionOf = async (answer: Response) => ((await answer.json()) as { version: number }[])[0]?.version;
const figure = async (url: string, name: string) => (await gateway.figures(url))[`tidemark_cache_shared_${name}`] ?? 0;
let unique = 0;
/** The same rows by a text that nobody has asked by before. */
function fresh(table = 'items') {
  unique += 1;
  return `/rest/v1/${table}?id=eq.1&id=neq.${1_000_000 + unique}`;
}
async function stored(path: string, headers: Record<string, string> = {}): Promise<void> {
  const before = await figure(first, 'stored_total');
  await until(async () => {
    await (await read(first, path, headers)).text();
    return (await figure(first, 'stored_total')) > before;
  }, `${path} is in the second level`);
}

t.test('a gateway uses the answer that another one has read', async (t) => {
  const path = fresh();
  await stored(path);
  const answer = await read(second, path);
  t.equal(statusOf(answer), 'tidemark; hit; detail=shared');
  t.equal(answer.headers.get('tidemark-source'), 'cache');
  t.same(await answer.json(), [{ id: 1, version: 0 }]);
  t.equal(statusOf(await read(second, path)), 'tidemark; hit', 'and it has it itself now');
});

t.test('identities share no answer that depends on a policy', async (t) => {
  const as = async (sub: string) => ({
    authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub })}`,
  });
  const path = '/rest/v1/notes?select=owner';
  await stored(path, await as('ada'));
  const bob = await read(second, path, await as('bob'));
  t.not(statusOf(bob), 'tidemark; hit; detail=shared');
  t.same(await bob.json(), [{ owner: 'bob' }]);
  const ada = await read(second, path, await as('ada'));
  t.equal(statusOf(ada), 'tidemark; hit; detail=shared');
  t.same(await ada.json(), [{ owner: 'ada' }]);
});

t.test('refuses an old entry that was restored, and bytes that are no entry', async (t) => {
  const before = new Set(await client.keys('*').then((keys) => keys.map(String)));
  const path = fresh();
  await stored(path);
  const key = (await client.keys('*')).map(String).find((name) => !before.has(name)) as string;
  const old = (await client.get(key)) as unknown as Buffer;
  t.match(decodeShared(old), { answer: { rows: 1 } });
  await gateway.sql`update items set version = version + 1 where id = 1`;
  const [row] = await gateway.sql`select version from items where id = 1`;
  await until(async () => (await versionOf(await read(second, path))) === row?.version, 'the change has come');
  const refused = await figure(first, 'refused_total');
  await client.set(key, old);
  // The first gateway has dropped its own.
  t.equal(await versionOf(await read(first, path)), row?.version);
  t.equal(await figure(first, 'refused_total'), refused + 1);
  for (const bytes of ['', 'x', '\n', '{}\n[]', 'null\n[]', String(old).replace('"version"', '"Version"')]) {
    t.equal(decodeShared(Buffer.from(bytes)), undefined, JSON.stringify(bytes.slice(0, 20)));
  }
  const answer = { body: 'ü'.repeat(20_000), rows: 1, total: null, etag: strongEtag('ü'.repeat(20_000)) };
  const back = decodeShared(encodeShared({ answer, epoch: 'mo2xc0abc', lsn: 255n, stamps: 's' }));
  t.match(back, { epoch: 'mo2xc0abc', lsn: 255n, stamps: 's' });
  t.equal(String(back?.answer.body), answer.body);
});

t.test('two gateways share entries, and never answer with older rows', async (t) => {
  let writing = true;
  let reads = 0;
  let stale = 0;
  let unread = 0;
  const log: { item: number; version: number; lsn: string }[] = [];
  const random = (below: number) => Math.floor(Math.random() * below);
  const writer = (async () => {
    while (writing) {
      const item = 1 + random(ROWS);
      const [row] = await gateway.sql`update items set version = version + 1 where id = ${item} returning version`;
      const [at] =
        await gateway.sql`select lpad(to_hex((pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::int8), 16, '0') as lsn`;
      log.push({ item, version: row?.version, lsn: String(at?.lsn).toUpperCase() });
      await new Promise((resolve) => setTimeout(resolve, 200 + random(600)));
    }
  })();
  const pauser = (async () => {
    while (writing) {
      await gateway.replica`select pg_wal_replay_pause()`;
      await new Promise((resolve) => setTimeout(resolve, random(40)));
      await gateway.replica`select pg_wal_replay_resume()`;
      await new Promise((resolve) => setTimeout(resolve, random(120)));
    }
  })();
  const answers: { item: number; version: number; lsn: string }[] = [];
  async function reader(url: string): Promise<void> {
    while (writing) {
      const item = 1 + random(ROWS);
      // Several texts of the same: more than the first level holds.
      const answer = await read(url, `/rest/v1/items?id=eq.${item}&id=neq.${1_000 + random(20)}`);
      if (answer.status !== 200) unread += 1;
      const tidemark = answer.headers.get('tidemark') as string;
      answers.push({
        item,
        version: (await versionOf(answer)) as number,
        lsn: tidemark.slice(tidemark.indexOf('-') + 1),
      });
      reads += 1;
    }
  }
  const sharedBy = async () => (await figure(first, 'hits_total')) + (await figure(second, 'hits_total'));
  const before = await sharedBy();
  const ended = (async () => {
    const began = Date.now();
    await until(async () => Date.now() - began > 2_000 && (await sharedBy()) >= before + 5, 'five were shared');
  })().finally(() => {
    writing = false;
  });
  await Promise.all([ended, writer, pauser, ...urls.flatMap((url) => [reader(url), reader(url)])]);
  for (const { item, version, lsn } of answers) {
    const due = log.filter((write) => write.item === item && write.lsn <= lsn).at(-1)?.version ?? 0;
    if (version < due) stale += 1;
  }
  const shared = (await sharedBy()) - before;
  t.comment(`${reads} reads, ${log.length} writes, ${shared} from the second level, ${stale} stale`);
  t.equal(unread, 0);
  t.equal(stale, 0);
});

t.test('a second level that hangs or has ended hardly delays reads', async (t) => {
  async function median(reads: number): Promise<number> {
    const times: number[] = [];
    for (let n = 0; n < reads; n += 1) {
      const began = performance.now();
      await (await read(second, fresh())).text();
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[Math.floor(reads / 2)] as number;
  }
  const healthy = await median(20);
  const [failedBefore, began] = [await figure(second, 'failed_total'), Date.now()];
  redis.process.kill('SIGSTOP');
  const hanging = await median(40);
  t.equal(await figure(second, 'open'), 1, 'the breaker is open');
  const failed = (await figure(second, 'failed_total')) - failedBefore;
  const tries = 10 + (Date.now() - began) / 1_000;
  t.ok(failed <= tries, `${failed} were asked in vain`);
  t.ok(hanging < 3 * healthy + 20, `a read takes ${hanging.toFixed(1)} ms, and ${healthy.toFixed(1)} ms before`);
  redis.process.kill('SIGCONT');
  await until(async () => {
    await (await read(second, fresh())).text();
    return (await figure(second, 'open')) === 0;
  }, 'it is asked again');
  redis.process.kill('SIGKILL');
  await until(async () => (await figure(second, 'open')) === 1, 'it is gone');
  t.equal((await read(second, fresh())).status, 200);
});

t.test('the breaker opens after five failures in a row, and then allows one try a second', async (t) => {
  const breaker = new Breaker();
  for (let n = 0; n < 4; n += 1) breaker.failed(0);
  t.ok(breaker.admits(1));
  breaker.failed(1);
  t.same(
    [breaker.isOpen, breaker.admits(500), breaker.admits(1_001), breaker.admits(1_002)],
    [true, false, true, false],
  );
  breaker.worked();
  t.same([breaker.isOpen, breaker.admits(1_003)], [false, true]);
});
