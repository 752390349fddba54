/** Tests what the cache answers, shares, drops and refuses, with a real relay, replica and JetStream. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { cachedReads, statusOf } from './cached-reads.ts';
import { useCachedGateway } from './relay.ts';

const gateway = await useCachedGateway(t, {
  script: `
    create table items (id int primary key, name text not null, at timestamptz not null default now());
    create table notes (id int primary key, item_id int not null references items, owner text not null, body text);
    create table secrets (id int primary key, owner text not null);
    create table aside (id int primary key);
    create view named as select id, upper(name) as name from items;
    create view fresh as select id from items where at > now() - interval '1 hour';
    create view mine as select id from notes where owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub';
    create function shout(items) returns text stable language sql as $$ select upper($1.name) $$;
    create function slow(int) returns int volatile language plpgsql as $$ begin perform pg_sleep(0.3); return $1; end $$;
    create function rename(of int, "as" text) returns void volatile language sql as $$ update items set name = "as" where id = of $$;
    alter table secrets enable row level security;
    create policy own on secrets to authenticated
      using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
    insert into items select i, 'item ' || i from generate_series(1, 20) i;
    insert into notes values (1, 1, 'ada', 'first'), (2, 1, 'bob', 'second');
    insert into secrets values (1, 'ada'), (2, 'bob');
    insert into aside values (1);
    grant select, insert, update, delete on all tables in schema public to anon, authenticated;
    alter publication tidemark add table items, notes, secrets;`,
  env: { CACHE_BYTES: String(256 * 1024), CACHE_ENTRY_BYTES: String(64 * 1024) },
});
const { sql } = gateway;
await gateway.serving();

const { read, judged, warm } = cachedReads(gateway);

t.test('answers from the cache, with what HTTP caches need', async (t) => {
  await warm('/rest/v1/items?id=eq.1');
  const first = await read('/rest/v1/items?id=eq.1');
  t.equal(first.headers.get('tidemark-source'), 'cache');
  t.same(((await first.json()) as { name: string }[])[0]?.name, 'item 1');
  t.equal(first.headers.get('cache-control'), 'no-cache');
  for (const name of ['Authorization', 'Accept', 'Accept-Profile', 'Prefer', 'Range']) {
    t.ok(first.headers.get('vary')?.includes(name), `varies by ${name}`);
  }
  const etag = first.headers.get('etag') as string;
  t.match(etag, /^"[^"]+"$/, 'a strong ETag');
  const again = await read('/rest/v1/items?id=eq.1', { headers: { 'if-none-match': `"x", W/${etag}` } });
  t.equal(again.status, 304);
  t.equal(await again.text(), '');
  t.equal(again.headers.get('etag'), etag);
  await sql`update items set name = 'renamed' where id = 1`;
  await until(async () => {
    const changed = await read('/rest/v1/items?id=eq.1', { headers: { 'if-none-match': etag } });
    return changed.status === 200 && ((await changed.json()) as { name: string }[])[0]?.name === 'renamed';
  }, 'the change is seen');
});

t.test('equivalent requests share one entry, and different ones do not', async (t) => {
  await warm('/rest/v1/items?select=id&id=gt.3&name=neq.x');
  t.equal(statusOf(await judged('/rest/v1/items?name=neq.x&select=id&id=gt.3&offset=0')), 'tidemark; hit');
  const others: Record<string, string>[] = [
    { accept: 'application/vnd.pgrst.array+json;nulls=stripped' },
    { range: '0-1' },
    { prefer: 'count=exact' },
  ];
  for (const headers of others) {
    const other = await judged('/rest/v1/items?select=id&id=gt.3&name=neq.x', { headers });
    t.match(statusOf(other), /fwd=uri-miss/, JSON.stringify(headers));
  }
});

t.test('every relation of a query is followed, views and embeds too', async (t) => {
  for (const path of ['/rest/v1/items?select=id,notes(body)&id=eq.1', '/rest/v1/named?id=eq.1']) {
    await warm(path);
    const before = await (await read(path)).text();
    if (path.includes('notes')) await sql`update notes set body = 'changed' where id = 1`;
    else await sql`update items set name = 'shown' where id = 1`;
    await until(async () => (await (await read(path)).text()) !== before, `${path} changes`);
    t.pass(path);
    await warm(path);
    await sql`truncate notes`;
    await sql`insert into notes values (1, 1, 'ada', 'first'), (2, 1, 'bob', 'second')`;
  }
});

t.test('does not keep an answer that depends on more than rows and identity', async (t) => {
  for (const path of [
    '/rest/v1/aside',
    '/rest/v1/fresh',
    '/rest/v1/items?select=id,shout',
    '/rest/v1/items?select=id&at=gt.today',
    '/rest/v1/items?select=name::date&id=eq.99',
  ]) {
    await read(path);
    t.equal(statusOf(await read(path)), 'tidemark; fwd=bypass', path);
  }
  const guess = await read('/rest/v1/items', { headers: { prefer: 'count=planned' } });
  t.equal(statusOf(guess), 'tidemark; fwd=bypass', 'a guessed total');
});

t.test('identities never share what a policy shows', async (t) => {
  const ada = { claims: { role: 'authenticated', sub: 'ada' } };
  const bob = { claims: { role: 'authenticated', sub: 'bob' } };
  for (const path of ['/rest/v1/secrets', '/rest/v1/mine']) {
    await warm(path, ada);
    t.match(statusOf(await judged(path, bob)), /fwd=uri-miss/, `${path}: bob's first read is his own`);
    await warm(path, bob);
    t.strictSame(await (await read(path, ada)).json(), path.includes('mine') ? [{ id: 1 }] : [{ id: 1, owner: 'ada' }]);
    t.strictSame(await (await read(path, bob)).json(), path.includes('mine') ? [{ id: 2 }] : [{ id: 2, owner: 'bob' }]);
    t.strictSame(await (await read(path)).json(), [], 'anonymous');
  }
  // Each attempt reads another path, which bob has not read before: a late message may drop an entry between the two reads.
  let path = '';
  let id = 2;
  await until(async () => {
    path = `/rest/v1/items?id=eq.${id++}`;
    await warm(path, ada);
    return statusOf(await judged(path, bob)) === 'tidemark; hit';
  }, 'without a policy, a role shares');
  t.match(statusOf(await judged(path)), /fwd=uri-miss/, 'and another role does not');
});

t.test('a change of the schema drops everything', async (t) => {
  const ada = { claims: { role: 'authenticated', sub: 'ada' } };
  await warm('/rest/v1/notes?select=id', ada);
  await sql.unsafe(`alter table notes enable row level security;
    create policy own on notes using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))`);
  await until(
    async () =>
      (await (await read('/rest/v1/notes?select=id', ada)).text()) === '[{"id": 1}]' ||
      (await (await read('/rest/v1/notes?select=id', ada)).text()) === '[{"id":1}]',
    'the policy is heeded',
  );
  await warm('/rest/v1/notes?select=id', ada);
  const bob = await read('/rest/v1/notes?select=id', { claims: { role: 'authenticated', sub: 'bob' } });
  t.strictSame(await bob.json(), [{ id: 2 }]);
  await sql`revoke select on items from anon`;
  await until(async () => (await read('/rest/v1/items?id=eq.3')).status === 401, 'the right is gone');
  await sql`grant select on items to anon`;
  await gateway.serving();
  await warm('/rest/v1/items?id=eq.3');
  await sql`alter publication tidemark drop table items`;
  await until(async () => statusOf(await read('/rest/v1/items?id=eq.3')) === 'tidemark; fwd=bypass', 'not followed');
  await sql`alter publication tidemark add table items`;
  await warm('/rest/v1/items?id=eq.3');
});

t.test('a client sees its own write at once, without sending a tidemark', async (t) => {
  const path = '/rest/v1/items?select=name&id=eq.5';
  await warm(path);
  gateway.freezeRelay();
  const written = await read('/rest/v1/items?id=eq.5', { method: 'PATCH', body: '{"name":"mine"}' });
  t.equal(written.status, 204);
  t.not(statusOf(await read(path)), 'tidemark; hit');
  for (const [name, write] of Object.entries({
    'a transaction': [
      '/api/v1/transaction',
      `{"operations":[{"method":"PATCH","path":"/rest/v1/items?id=eq.5","body":{"name":"t"}}]}`,
    ],
    'a function': ['/rest/v1/rpc/rename', '{"of":5,"as":"f"}'],
    'a transaction that calls one': [
      '/api/v1/transaction',
      '{"operations":[{"method":"POST","path":"/rest/v1/rpc/rename","body":{"of":5,"as":"c"}}]}',
    ],
  })) {
    gateway.thawRelay();
    await warm(path);
    gateway.freezeRelay();
    const done = await read(write[0] as string, { method: 'POST', body: write[1] as string });
    t.ok(done.ok, `${name}: ${done.status}`);
    t.not(statusOf(await read(path)), 'tidemark; hit', `${name} is seen`);
  }
  gateway.thawRelay();
});

t.test('recognises a repeated request by its raw text and every header that selects the answer', async (t) => {
  await gateway.serving();
  const path = '/rest/v1/items?select=name&id=eq.7';
  const hits = async () => (await gateway.figures()).tidemark_cache_front_hits_total ?? 0;
  // For HEAD with 304, fastify sends a body without length.
  const comparable = ({ headers, status }: Response) =>
    [...headers]
      .filter(
        ([name]) =>
          !['date', 'tidemark', 'keep-alive', 'connection', 'content-location'].includes(name) &&
          !(status === 304 && name === 'content-length'),
      )
      .sort();
  for (const [headers, status] of [
    [{}, 200],
    [{ origin: 'http://a.example' }, 200],
    [{ accept: 'application/vnd.pgrst.object+json' }, 200],
    [{ prefer: 'count=exact', range: '0-0' }, 200],
    [{ 'if-none-match': '*' }, 304],
  ] as [Record<string, string>, number][]) {
    for (const method of ['GET', 'HEAD']) {
      const what = `${method} ${JSON.stringify(headers)}`;
      await warm(path, { method, headers });
      const before = await hits();
      const [long, short] = [
        await read(`${path}&limit=10000`, { method, headers }),
        await read(path, { method, headers }),
      ];
      t.equal(await hits(), before + 1, what);
      t.equal(short.status, status, what);
      if (statusOf(long) === 'tidemark; hit')
        t.strictSame(comparable(short), comparable(long), `${what}: the same headers`);
      t.match(short.headers.get('tidemark'), /^\w+-[0-9A-F]{16}$/);
      t.equal(await short.text(), await (await fetch(new URL(path, gateway.url), { method, headers })).text());
    }
  }
  const { tidemark_cache_front_bytes: bytes } = await gateway.figures();
  t.ok(bytes && bytes > 1_000 && bytes <= 32 * 1024, `${bytes} bytes`);

  const ahead = (await read(path)).headers
    .get('tidemark')
    ?.replace(/.$/, (digit) => (digit === 'F' ? 'E' : 'F')) as string;
  const asked = await read(path, { headers: { tidemark: ahead.replace(/-0/, '-1') } });
  t.not(statusOf(asked), 'tidemark; hit', 'not older than is asked for');
  t.equal((await read(path, { headers: { tidemark: 'none' } })).status, 400, 'what is no tidemark is refused');

  const token = await gateway.token({ role: 'authenticated', exp: Math.floor(Date.now() / 1_000) + 5 });
  const init = { headers: { authorization: `Bearer ${token}` } };
  await warm(path, init);
  const before = await hits();
  t.equal(statusOf(await judged(path, init)), 'tidemark; hit');
  t.equal(await hits(), before + 1);
  await until(async () => (await read(path, init)).status === 401, 'a token that has run out is refused, hit or not');
});

t.test('equal reads share one statement, and its failure', async (t) => {
  await gateway.serving();
  await sql`create table gates (id int primary key)`;
  await sql`insert into gates values (1)`;
  await sql`grant select on gates to anon`;
  await sql`alter publication tidemark add table gates`;
  await until(async () => /fwd=uri-miss/.test(statusOf(await read('/rest/v1/gates')) ?? ''), 'the table is followed');
  const before = await gateway.figures();
  const answers = await sql.begin(async (tx) => {
    await tx`lock table gates in access exclusive mode`;
    // The lock reaches the replica as WAL, which another's commit flushes.
    await sql`update aside set id = id`;
    const [{ lsn }] = (await sql`select pg_current_wal_flush_lsn()::text as lsn`) as unknown as [{ lsn: string }];
    await until(async () => {
      const [row] = await gateway.replica`select pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn as there`;
      return row?.there;
    }, 'the lock is on the replica');
    const asked = [
      ...Array.from({ length: 8 }, () => read('/rest/v1/gates?id=gt.0')),
      ...Array.from({ length: 8 }, () => read('/rest/v1/gates?id=gt.none')),
    ];
    await until(async () => {
      const [row] =
        await gateway.replica`select count(*)::int as n from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`;
      return row?.n > 1;
    }, 'the read waits');
    // The request for the figures is in flight, too.
    await until(async () => ((await gateway.figures()).tidemark_http_in_flight ?? 0) > asked.length, 'all have come');
    // In an object: the driver would wait for promises before its COMMIT.
    return { asked };
  });
  const done = await Promise.all(answers.asked);
  const shared = done.slice(0, 8).map(statusOf);
  t.equal(shared.filter((status) => status?.includes('collapsed')).length, 7, shared.join(' · '));
  const failures = await Promise.all(done.slice(8).map((answer) => answer.json() as Promise<{ code: string }>));
  t.same(new Set(failures.map(({ code }) => code)), new Set(['22P02']), 'the failure is everyone’s');
  const after = await gateway.figures();
  t.equal((after.tidemark_cache_misses_total ?? 0) - (before.tidemark_cache_misses_total ?? 0), 2, 'two statements');
});

t.test('the cache is bounded', async (t) => {
  await gateway.serving();
  await sql`insert into items select i, repeat('x', 8000) from generate_series(100, 200) i`;
  await warm('/rest/v1/items?select=id&id=eq.100');
  for (let id = 100; id < 200; id += 1) await read(`/rest/v1/items?id=eq.${id}`);
  const large = await read('/rest/v1/items?id=gte.100');
  t.ok((await large.text()).length > 64 * 1024);
  t.equal(statusOf(await judged('/rest/v1/items?id=gte.100')), 'tidemark; fwd=uri-miss', 'larger than an entry may be');
  const { tidemark_cache_bytes: bytes, tidemark_cache_entries: entries } = await gateway.figures();
  t.ok(bytes && bytes > 100_000 && bytes <= 256 * 1024, `${bytes} bytes`);
  t.ok(entries && entries > 10 && entries < 40, `${entries} entries`);
});

t.test('without the relay, the cache pauses, and answers stay right', async (t) => {
  await warm('/rest/v1/items?id=eq.6');
  gateway.freezeRelay();
  const stoppedAt = Date.now();
  await until(async () => (await gateway.figures()).tidemark_cache_paused === 1, 'the pause');
  t.ok(Date.now() - stoppedAt < 3_000, `paused after ${Date.now() - stoppedAt} ms`);
  await until(async () => (await gateway.figures()).tidemark_cache_entries === 0, 'everything is dropped');
  await sql`update items set name = 'unheard of' where id = 6`;
  await until(async () => (await (await read('/rest/v1/items?id=eq.6')).text()).includes('unheard of'), 'the change');
  t.not(statusOf(await read('/rest/v1/items?id=eq.6')), 'tidemark; hit');
  gateway.thawRelay();
  await gateway.serving();
  await warm('/rest/v1/items?id=eq.6');
  t.match(await (await read('/rest/v1/items?id=eq.6')).text(), /unheard of/);
});
