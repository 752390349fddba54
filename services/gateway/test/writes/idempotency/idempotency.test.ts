/** Tests that an Idempotency-Key writes once, also through failures and restarts. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('../../writes.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script, env: { IDEMPOTENCY_ANSWER_BYTES: '2048' } });
const { sql } = gateway;
const ADA = { role: 'authenticated', sub: 'ada' };
const send = (path: string, key: string, body: unknown, more: Record<string, string> = {}, claims: object = ADA) =>
  gateway.request(path, {
    method: 'POST',
    claims: claims as Record<string, unknown>,
    body: JSON.stringify(body),
    headers: { 'idempotency-key': key, prefer: 'return=representation', ...more },
  });

t.test('a repeated request gets the stored reply', async (t) => {
  const note = { author: 'ada', body: 'once' };
  const first = await send('/rest/v1/notes', 'key-1', note);
  const again = await send('/rest/v1/notes', '"key-1"', note);
  t.equal(first.status, 201);
  t.equal(first.headers.get('idempotency-replayed'), null);
  t.equal(again.status, 201);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.equal(again.headers.get('content-type'), first.headers.get('content-type'));
  t.equal(again.headers.get('content-range'), first.headers.get('content-range'));
  t.ok((again.headers.get('tidemark') ?? '') >= (first.headers.get('tidemark') ?? 'x'), 'a later tidemark');
  t.same(await again.json(), await first.json());
  t.equal((await sql`select 1 from notes where body = 'once'`).length, 1);
});

t.test('another request with the key is refused, another caller has keys of its own', async (t) => {
  await send('/rest/v1/notes', 'key-2', { author: 'ada', body: 'two' });
  const other = await send('/rest/v1/notes', 'key-2', { author: 'ada', body: 'not two' });
  t.equal(other.status, 422);
  t.match(await other.json(), { code: 'GATEWAY_IDEMPOTENCY_MISMATCH', hint: /new key/ });
  const bob = await send(
    '/rest/v1/notes',
    'key-2',
    { author: 'bob', body: 'two' },
    {},
    { role: 'authenticated', sub: 'bob' },
  );
  t.equal(bob.status, 201);
  t.equal(bob.headers.get('idempotency-replayed'), null);
});

t.test('a key belongs to the claims: tokens that differ in more than their times have different keys', async (t) => {
  const tenant = (claims: object) =>
    send('/rest/v1/notes', 'key-tenant', { author: 'ada', body: 'tenant' }, {}, { ...ADA, ...claims });
  const first = await tenant({ tenant: { id: 1, name: 'a' }, iat: 1_700_000_000 });
  t.equal(first.status, 201);
  const renewed = await tenant({ tenant: { name: 'a', id: 1 }, iat: 1_700_000_500, jti: 'other' });
  t.equal(renewed.headers.get('idempotency-replayed'), 'true', 'a renewed token, its claims in another order');
  const other = await tenant({ tenant: { id: 2, name: 'b' } });
  t.equal(other.status, 201);
  t.equal(other.headers.get('idempotency-replayed'), null, 'another tenant never sees the answer');
  t.equal((await sql`select 1 from notes where body = 'tenant'`).length, 2);
});

t.test('a key without a subject is refused, and nothing is written', async (t) => {
  for (const claims of [undefined, { role: 'authenticated' }, { role: 'service_role', sub: '' }]) {
    const init = { method: 'POST', body: JSON.stringify({ author: 'x', body: 'nobody' }), ...(claims && { claims }) };
    const answer = await gateway.request('/rest/v1/notes', { ...init, headers: { 'idempotency-key': 'key-nobody' } });
    t.equal(answer.status, 400);
    t.match(await answer.json(), { code: 'GATEWAY_IDEMPOTENCY_SUBJECT', hint: /"sub"/ });
  }
  t.equal((await sql`select 1 from notes where body = 'nobody'`).length, 0);
});

t.test('a reply stored by an earlier version is neither sent nor written again', async (t) => {
  const scope = createHash('sha256')
    .update(JSON.stringify(['authenticated', 'ada']))
    .digest('base64url');
  await sql`insert into tidemark.idempotency_keys values
    (${`${scope} POST /rest/v1/public.notes`}, 'key-old', 'f', 201, '{}', 'secret', now() + interval '1 hour')`;
  const answer = await send('/rest/v1/notes', 'key-old', { author: 'ada', body: 'old' });
  t.equal(answer.status, 409);
  const text = await answer.text();
  t.match(text, /GATEWAY_IDEMPOTENCY_FORMER/);
  t.notMatch(text, 'secret');
  t.equal((await sql`select 1 from notes where body = 'old'`).length, 0);
});

t.test('does not store failed or rolled-back replies', async (t) => {
  const bad = await send('/rest/v1/notes', 'key-3', { author: 'ada', body: 'forbidden' });
  t.equal(bad.status, 400);
  const undone = await send('/rest/v1/notes', 'key-3', { author: 'ada', body: 'three' }, { prefer: 'tx=rollback' });
  t.equal(undone.status, 201);
  const good = await send('/rest/v1/notes', 'key-3', { author: 'ada', body: 'three' });
  t.equal(good.headers.get('idempotency-replayed'), null);
  t.equal((await sql`select 1 from notes where body = 'three'`).length, 1);
  const large = await send('/rest/v1/notes', 'key-4', { author: 'ada', body: 'x'.repeat(5_000) });
  t.match(await large.json(), { code: 'GATEWAY_IDEMPOTENCY_ANSWER' });
  t.equal((await sql`select 1 from notes where length(body) = 5000`).length, 0);
  for (const key of ['', 'with blank', 'x'.repeat(256)]) {
    const refused = await send('/rest/v1/notes', key, { author: 'ada', body: 'four' });
    t.equal(refused.status, 400, `the key "${key.slice(0, 20)}"`);
  }
});

t.test('of concurrent requests with one key one writes, and the others wait', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => send('/rest/v1/notes', 'key-5', { author: 'ada', body: 'five' })),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  // 503: a busy machine's gateway sheds load.
  t.ok([...statuses].every((status) => [201, 409, 503].includes(status)));
  for (const answer of answers) if (answer.status === 409) t.equal(answer.headers.get('retry-after'), '1');
  t.equal(answers.filter((a) => a.status === 201 && !a.headers.get('idempotency-replayed')).length, 1);
  t.equal((await sql`select 1 from notes where body = 'five'`).length, 1);
});

t.test('no role of the API can read, write or forge keys', async (t) => {
  for (const role of ['anon', 'authenticated', 'service_role']) {
    const answer = await gateway.request('/rest/v1/idempotency_keys', {
      claims: { role, sub: 'eve' },
      headers: { 'accept-profile': 'tidemark' },
    });
    t.equal(answer.status >= 400, true, role);
  }
  const [row] = await sql`select count(*)::int as n, bool_and(scope !~ 'ada') as opaque from tidemark.idempotency_keys`;
  t.ok(row?.n > 0);
  t.ok(row?.opaque, 'subjects are hashed');
});

t.test('an expired key is free again', async (t) => {
  await send('/rest/v1/notes', 'key-6', { author: 'ada', body: 'six' });
  await sql`update tidemark.idempotency_keys set expires_at = now() - interval '1 second' where key = 'key-6'`;
  const fresh = await send('/rest/v1/notes', 'key-6', { author: 'ada', body: 'sixth' });
  t.equal(fresh.status, 201);
  t.equal((await sql`select 1 from notes where body in ('six', 'sixth')`).length, 2);
});

t.test('retries after lost connections insert once', async (t) => {
  let killing = true;
  const killer = (async () => {
    for (let killed = 0; killing && killed < 40; ) {
      const rows =
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '%/write' and state <> 'idle'`;
      killed += rows.length;
    }
  })();
  const seen = new Set<number>();
  try {
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const deadline = Date.now() + 20_000;
        for (;;) {
          const answer = await send('/rest/v1/notes', `lost-${i}`, { author: `lost ${i}`, body: 'seven' });
          seen.add(answer.status);
          if (answer.status === 201) return;
          if (answer.status !== 503 && answer.status !== 409)
            throw new Error(`${answer.status} ${await answer.text()}`);
          if (Date.now() > deadline) killing = false;
          if (Date.now() > deadline + 20_000) throw new Error('no end');
        }
      }),
    );
  } finally {
    killing = false;
    await killer;
  }
  t.ok(seen.has(503), 'connections were lost');
  const rows = await sql`select author, count(*)::int as n from notes where body = 'seven' group by author`;
  t.equal(rows.length, 60);
  t.ok(rows.every((row) => row.n === 1));
});

t.test('a function is called once for a key', async (t) => {
  const balance = async () => (await sql`select balance from accounts where id = 1`)[0]?.balance as number;
  const before = await balance();
  const call = (key: string, by: number, more = {}) => send('/rest/v1/rpc/bump', key, { by }, more);
  const undone = await call('call-1', 7, { prefer: 'tx=rollback' });
  t.equal(undone.headers.get('preference-applied'), 'tx=rollback');
  t.equal(await balance(), before, 'what is rolled back is not kept');
  const answers = await Promise.all(Array.from({ length: 6 }, () => call('call-1', 7)));
  for (const answer of answers) {
    if (answer.status === 409) t.match(await answer.json(), { code: 'GATEWAY_IDEMPOTENCY_BUSY' });
    else t.same([answer.status, await answer.text()], [200, String(before + 7)]);
  }
  t.equal(await balance(), before + 7);
  const again = await call('call-1', 7);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.match(again.headers.get('content-type'), /^application\/json/);
  t.match(again.headers.get('tidemark'), /-/);
  t.equal((await call('call-1', 8)).status, 422, 'other arguments');
  t.equal((await call('call-2', -10_000)).status, 400, 'the check of the balance');
  t.equal((await call('call-2', 1)).status, 200, 'what failed is not kept');
  t.equal(await balance(), before + 8);
});
