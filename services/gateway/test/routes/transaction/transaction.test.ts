/** Preconditions, results for each row, and transactions. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('../../writes.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script, env: { PER_ROW_MAX_ROWS: '50', TRANSACTION_MAX_OPERATIONS: '10' } });
const { sql } = gateway;
const ADA = { role: 'authenticated', sub: 'ada' };
const send = (method: string, path: string, body: unknown, headers: Record<string, string> = {}, claims = ADA) =>
  gateway.request(path, {
    method,
    claims,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const balance = async (id: number) => (await sql`select balance from accounts where id = ${id}`)[0]?.balance;

t.test('If-Match writes only the version that was read', async (t) => {
  const url = '/rest/v1/accounts?id=eq.1';
  const read = async (accept = 'application/json') => {
    const answer = await gateway.request(url, { claims: ADA, headers: { accept } });
    return answer.headers.get('etag') ?? '';
  };
  const before = await read();
  t.match(before, /^"/);
  const ok = await send('PATCH', url, { balance: 101 }, { 'if-match': before });
  t.equal(ok.status, 204, await ok.text());
  const lost = await send('PATCH', url, { balance: 102 }, { 'if-match': before });
  t.equal(lost.status, 412);
  t.match(await lost.json(), { code: 'GATEWAY_PRECONDITION_FAILED', hint: /GET the same URL/ });
  t.equal(await balance(1), 101);
  const object = await read('application/vnd.pgrst.object+json');
  t.equal((await send('PATCH', url, { balance: 103 }, { 'if-match': `"x", ${object}` })).status, 204);
  t.equal((await send('PATCH', url, { balance: 1 }, { 'if-match': `W/${await read()}` })).status, 412, 'weak: never');
  t.equal((await send('PATCH', '/rest/v1/accounts?id=eq.99', { balance: 1 }, { 'if-match': '*' })).status, 412);
  t.equal((await send('DELETE', '/rest/v1/accounts?id=eq.2', undefined, { 'if-match': '"other"' })).status, 412);
  t.equal((await send('POST', '/rest/v1/accounts', { id: 3, balance: 1 }, { 'if-match': '*' })).status, 400);
  t.equal(await balance(1), 103);
});

t.test('of concurrent writers with the same ETag one wins', async (t) => {
  const url = '/rest/v1/accounts?id=eq.1';
  const etag = (await gateway.request(url, { claims: ADA })).headers.get('etag') ?? '';
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => send('PATCH', url, { balance: 1_000 + i }, { 'if-match': etag })),
  );
  t.equal(answers.filter(({ status }) => status === 204).length, 1);
  t.equal(answers.filter(({ status }) => status === 412).length, 19);
});

t.test('If-None-Match: * creates and never overwrites', async (t) => {
  const none = { 'if-none-match': '*' };
  const put = (balance: number) =>
    send('PUT', '/rest/v1/accounts?id=eq.7', { id: 7, owner: 'ada', balance, exact: null }, none);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => put(i)));
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  t.equal(answers.filter(({ status }) => status === 412).length, 9);
  const upsert = { ...none, prefer: 'resolution=merge-duplicates' };
  t.equal((await send('POST', '/rest/v1/accounts', { id: 7, balance: 70 }, upsert)).status, 412);
  t.equal((await send('POST', '/rest/v1/accounts', { id: 8, balance: 80 }, upsert)).status, 201);
  t.not(await balance(7), 70);
});

t.test('results=per-row writes each row by itself and keeps all digits', async (t) => {
  const rows = `[{"id":20,"balance":1,"exact":12345678901234567890.12345},{"id":1,"balance":1,"exact":1},{"id":21,"balance":-1,"exact":1},{"id":22,"balance":2,"exact":"2"}]`;
  const prefer = 'results=per-row, return=representation';
  const answer = await send('POST', '/rest/v1/accounts?select=id,exact::text', rows, { prefer });
  t.equal(answer.status, 207);
  t.match(answer.headers.get('preference-applied'), /results=per-row/);
  t.match(await answer.json(), [
    { index: 0, status: 201, row: { id: 20, exact: '12345678901234567890.12345' } },
    { index: 1, status: 409, error: { code: '23505', hint: /upsert/ } },
    { index: 2, status: 400, error: { code: '23514' } },
    { index: 3, status: 201, row: { id: 22 } },
  ]);
  t.equal(await balance(20), 1);
  t.equal(await balance(21), undefined);

  const upsert = await send('POST', '/rest/v1/accounts', '[{"id":20,"balance":5},{"id":21,"balance":-5}]', {
    prefer: 'results=per-row, resolution=merge-duplicates',
  });
  t.match(await upsert.json(), [{ status: 200 }, { status: 400 }]);
  t.equal(await balance(20), 5);

  const many = await send(
    'POST',
    '/rest/v1/accounts',
    Array.from({ length: 51 }, (_, i) => ({ id: 300 + i, balance: 1 })),
    { prefer },
  );
  t.match(await many.json(), { code: 'GATEWAY_PER_ROW_LIMIT' });
  t.match(await (await send('PATCH', '/rest/v1/accounts?id=eq.1', { balance: 1 }, { prefer })).json(), {
    code: 'GATEWAY_PER_ROW_USE',
  });
  const undone = await send('POST', '/rest/v1/accounts', [{ id: 30, balance: 1 }], {
    prefer: `${prefer}, tx=rollback`,
  });
  t.match(await undone.json(), [{ status: 201, row: { id: 30 } }]);
  t.equal(await balance(30), undefined);
  const capped = await send(
    'POST',
    '/rest/v1/accounts',
    [
      { id: 31, balance: 1 },
      { id: 32, balance: 1 },
    ],
    {
      prefer: 'results=per-row, handling=strict, max-affected=1',
    },
  );
  t.match(await capped.json(), { code: 'PGRST124' });
  t.equal(await balance(31), undefined);
  const whole = await send('POST', '/rest/v1/accounts', rows.replaceAll('"id":2', '"id":4'));
  t.equal(whole.status, 409, 'all or nothing is the default');
  t.equal(await balance(40), undefined);
});

const transact = (operations: unknown, headers: Record<string, string> = {}) =>
  send('POST', '/api/v1/transaction', typeof operations === 'string' ? operations : { operations }, headers);

t.test('a transaction runs all operations in order', async (t) => {
  await sql`update accounts set balance = 100 where id = 1`;
  const answer = await transact(
    `{"operations":[
      {"method":"POST","path":"/rest/v1/accounts?select=id,exact::text","body":{"id":50,"balance":5,"exact":98765432109876543210.5},"prefer":"return=representation"},
      {"method":"PATCH","path":"/rest/v1/accounts?id=eq.50","body":{"balance":6}},
      {"method":"POST","path":"/rest/v1/rpc/bump","body":{"by":11}},
      {"method":"POST","path":"/rest/v1/transfers","body":{"account":50,"amount":1},"prefer":"return=headers-only"},
      {"method":"DELETE","path":"/rest/v1/accounts?id=eq.22","prefer":"return=representation"}]}`,
  );
  t.equal(answer.status, 200);
  t.ok(answer.headers.get('tidemark'));
  t.match(await answer.json(), {
    results: [
      { status: 201, body: [{ id: 50, exact: '98765432109876543210.5' }] },
      { status: 204, body: null },
      { status: 200, body: 111 },
      { status: 201, location: /^\/rest\/v1\/transfers\?id=eq\.\d+$/, body: null },
      { status: 200, body: [{ id: 22 }] },
    ],
  });
  t.equal(await balance(50), 6);
  t.equal(await balance(1), 111);
});

t.test('a failed transaction writes nothing and names the operation', async (t) => {
  const good = { method: 'PATCH', path: '/rest/v1/accounts?id=eq.50', body: { balance: 77 } };
  const refused = async (operations: unknown, status: number, pattern: object, headers = {}) => {
    const answer = await transact(operations, headers);
    t.equal(answer.status, status);
    t.match(await answer.json(), pattern);
    t.equal(await balance(50), 6);
  };
  const bad = { method: 'PATCH', path: '/rest/v1/accounts?id=eq.1', body: { balance: -1 } };
  await refused([good, bad, good], 400, { code: '23514', details: /^operations\[1\] \(PATCH accounts\)/ });
  const strict = {
    method: 'PATCH',
    path: '/rest/v1/accounts?id=gt.0',
    body: { balance: 3 },
    prefer: 'handling=strict, max-affected=1',
  };
  await refused([good, strict], 400, { code: 'PGRST124', details: /^operations\[1\]/ });
  await refused([good, { method: 'DELETE', path: '/rest/v1/accounts' }], 400, {
    code: 'GATEWAY_UNFILTERED',
    details: /^operations\[1\]/,
  });
  await refused([good, { method: 'POST', path: '/rest/v1/nowhere', body: {} }], 404, { code: 'PGRST205' });
  await refused([good, { method: 'POST', path: '/rest/v1/transfers', body: { account: 4_000 } }], 409, {
    code: '23503',
  });
  await refused(
    Array.from({ length: 11 }, () => good),
    400,
    { code: 'GATEWAY_TRANSACTION_BODY', message: /11 operations/ },
  );
  for (const wrong of [
    '{',
    '[]',
    '{"operations":{}}',
    '{"operations":[]}',
    '{"operations":[1]}',
    '{"operations":[{"method":"GET","path":"/rest/v1/x"}]}',
    '{"operations":[{"method":"POST","path":"/api/v1/jobs"}]}',
    '{"operations":[{"method":"POST","path":"/rest/v1/%zz"}]}',
    '{"operations":[{"method":"POST","path":"/rest/v1/x","oops":1}]}',
  ]) {
    await refused(wrong, 400, { code: 'GATEWAY_TRANSACTION_BODY', hint: /operations/ });
  }
  const undone = await transact([good], { prefer: 'tx=rollback' });
  t.match(await undone.json(), { results: [{ status: 204 }] });
  t.equal(await balance(50), 6);
});

t.test('a transaction runs as the caller, and once for an Idempotency-Key', async (t) => {
  const own = { method: 'POST', path: '/rest/v1/own_notes', body: { owner: 'ada', body: 'mine' } };
  const others = { method: 'POST', path: '/rest/v1/own_notes', body: { owner: 'bob', body: 'his' } };
  const refused = await transact([own, others]);
  t.equal(refused.status, 403);
  t.equal((await sql`select 1 from own_notes`).length, 0);
  const key = { 'idempotency-key': 'tx-1' };
  t.equal((await transact([own], key)).status, 200);
  const again = await transact([own], key);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.match(await again.json(), { results: [{ status: 201 }] });
  t.equal((await sql`select 1 from own_notes`).length, 1);
  t.equal((await transact([own, own], key)).status, 422);
});
