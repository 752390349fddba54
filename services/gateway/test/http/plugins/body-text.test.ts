import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table texts (id int primary key, body text);
  create function keep(bytea) returns bytea language sql immutable as 'select $1';
  create function size(bytea) returns int language sql immutable as 'select length($1)';
  grant select, insert on texts to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function post(path: string, body: Uint8Array | string, headers: Record<string, string>) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return gateway.request(`/rest/v1/${path}`, { method: 'POST', claims, body: bytes, headers });
}

t.test('a body that is not UTF-8 is refused, and stores nothing', async (t) => {
  const latin1 = Buffer.concat([Buffer.from('{"id":1,"body":"'), Buffer.from([0xe9]), Buffer.from('"}')]);
  for (const type of ['application/json', 'text/csv', 'application/x-www-form-urlencoded']) {
    const answer = await post('texts', latin1, { 'content-type': type });
    t.same([answer.status, ((await answer.json()) as { code: string }).code], [400, 'GATEWAY_BODY_UTF8'], type);
  }
  const form = await post('texts', 'id=1&body=%e9', { 'content-type': 'application/x-www-form-urlencoded' });
  t.match([form.status, await form.json()], [400, { code: 'QUERY_BAD_TEXT' }], 'an escaped byte of a form');
  const call = await post('rpc/size', 'a=%e9', { 'content-type': 'application/x-www-form-urlencoded' });
  t.match([call.status, await call.json()], [400, { code: 'QUERY_BAD_TEXT' }], 'of a form of arguments');
  t.same(await gateway.sql`select * from texts`, []);
});

t.test('bytes and XML are no rows of a table', async (t) => {
  for (const type of ['application/octet-stream', 'text/xml']) {
    const answer = await post('texts', '[]', { 'content-type': type });
    const message = `Content-Type not acceptable: ${type}`;
    t.match([answer.status, await answer.json()], [400, { code: 'PGRST102', message }]);
  }
});

t.test('another charset or a compressed body is refused', async (t) => {
  const json = '{"id":1,"body":"x"}';
  for (const [headers, code] of [
    [{ 'content-type': 'application/json; charset=iso-8859-1' }, 'GATEWAY_BODY_CHARSET'],
    [{ 'content-type': 'text/csv;charset="windows-1252"' }, 'GATEWAY_BODY_CHARSET'],
    [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'GATEWAY_BODY_ENCODING'],
  ] as [Record<string, string>, string][]) {
    const answer = await post('texts', json, headers);
    t.same([answer.status, ((await answer.json()) as { code: string }).code], [415, code]);
  }
  t.equal(
    (await post('texts', json, { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'identity' }))
      .status,
    201,
  );
});

t.test('a body without a type is JSON, and an unknown type is refused', async (t) => {
  const token = await gateway.token(claims);
  const send = (headers: Record<string, string>) =>
    fetch(`${gateway.url}/rest/v1/texts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: Buffer.from('{"id":2,"body":"y"}'),
    });
  t.equal((await send({})).status, 201);
  t.equal((await send({ 'content-type': 'application/unknown' })).status, 415);
});

t.test('bytes pass to and from a function unchanged', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const headers = { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' };
  const kept = await post('rpc/keep', bytes, headers);
  t.same(Buffer.from(await kept.arrayBuffer()), bytes);
  t.equal(
    await (await post('rpc/size', Buffer.from([0xff, 0x5c, 0]), { 'content-type': 'application/octet-stream' })).text(),
    '3',
  );
});
