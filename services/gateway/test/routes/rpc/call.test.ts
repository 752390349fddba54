import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `create table marks (id integer generated always as identity primary key, body text);
create function mark(n integer) returns setof marks language sql volatile
  as $$ insert into marks (body) select 'm' || g from generate_series(1, n) g returning * $$;
create function page() returns text language plpgsql volatile
  as $$ begin perform set_config('response.headers', '[{"Content-Type": "text/html"}]', true); return '<p>'; end $$;
create function picture() returns bytea language sql volatile as $$ select '\\x00ff41'::bytea $$;
grant select, insert on marks to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated', sub: 'ada' };
const call = (name: string, body: unknown, headers: Record<string, string>) =>
  gateway.request(`/rest/v1/rpc/${name}`, { method: 'POST', claims, body: JSON.stringify(body), headers });

t.test('rolls back a function that returns several rows where one object is asked for', async (t) => {
  const accept = 'application/vnd.pgrst.object+json';
  const refused = await call('mark', { n: 2 }, { accept });
  t.equal(refused.status, 406);
  t.match(await refused.json(), { code: 'PGRST116', details: /2 rows/ });
  t.equal((await gateway.sql`select from marks`).length, 0);
  const one = await call('mark', { n: 1 }, { accept });
  t.equal(one.status, 200);
  t.match(await one.json(), { body: 'm1' });
  t.equal((await gateway.sql`select from marks`).length, 1);
});

t.test('replies with the same headers with and without an Idempotency-Key', async (t) => {
  for (const [name, body] of [
    ['page', {}],
    ['mark', { n: 3 }],
  ] as const) {
    const plain = await call(name, body, {});
    const kept = await call(name, body, { 'idempotency-key': `key-${name}` });
    const headers = (answer: Response) =>
      Object.fromEntries([...answer.headers].filter(([key]) => !['date', 'tidemark', 'content-length'].includes(key)));
    t.same(headers(plain), headers(kept));
    t.equal(plain.status, kept.status);
  }
  t.equal((await call('page', {}, {})).headers.get('content-type'), 'text/html');
});

t.test('returns bytes as they are', async (t) => {
  const answer = await call('picture', {}, { accept: 'application/octet-stream' });
  t.same([...new Uint8Array(await answer.arrayBuffer())], [0, 255, 65]);
  const keyed = await call('picture', {}, { accept: 'application/octet-stream', 'idempotency-key': 'key-bytes' });
  t.match([keyed.status, await keyed.json()], [400, { code: 'GATEWAY_IDEMPOTENCY_KEY' }]);
});
