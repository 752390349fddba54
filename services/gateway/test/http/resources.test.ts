/** HTTP's own rules for tables and functions: methods, ranges, conditions, and heads of answers without a body. */
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

t.test('resources', async (t) => {
  const gateway = await useGateway(t, {
    script: `
      create table public.notes (id int primary key, body text);
      insert into public.notes select n, 'note ' || n from generate_series(1, 5) n;
      create view public.bodies as select body from public.notes;
      create view public.joined as select a.id from public.notes a join public.notes b using (id);
      create function public.reads() returns int stable language sql as $$ select 1 $$;
      create function public.writes() returns void language sql as $$ delete from notes where false $$;
      grant all on all tables in schema public to anon;
      grant execute on all functions in schema public to anon;`,
  });
  const { request } = gateway;

  t.test('OPTIONS names the methods of the resource', async (t) => {
    const allow = async (path: string) => {
      const response = await request(`/rest/v1/${path}`, { method: 'OPTIONS' });
      return [response.status, response.headers.get('allow')];
    };
    t.same(await allow('notes'), [200, 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE']);
    t.same(await allow('bodies?select=body'), [200, 'OPTIONS,GET,HEAD,POST,PATCH,DELETE']);
    t.same(await allow('joined'), [200, 'OPTIONS,GET,HEAD']);
    t.same(await allow('rpc/reads'), [200, 'OPTIONS,GET,HEAD,POST']);
    t.same(await allow('rpc/writes'), [200, 'OPTIONS,POST']);
    t.same(await allow(''), [200, 'OPTIONS,GET,HEAD']);
    t.equal((await allow('unknown'))[0], 404);
    t.equal((await allow('rpc/unknown'))[0], 404);
    const preflight = await request('/rest/v1/notes', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    });
    t.match([preflight.status, preflight.headers.get('access-control-allow-methods')], [204, /POST/]);
  });

  t.test('ranges', async (t) => {
    const beyond = await request('/rest/v1/notes?offset=9', { headers: { prefer: 'count=exact' } });
    t.match([beyond.status, beyond.headers.get('content-range')], [416, '*/5']);
    t.equal(beyond.headers.get('proxy-status'), 'PostgREST; error=PGRST103');
    t.equal(
      ((await (await request('/rest/v1/notes?offset=-3')).json()) as unknown[]).length,
      5,
      'a negative offset is none',
    );
    const headers = { range: '0-1', 'range-unit': 'items' };
    t.equal((await request('/rest/v1/notes', { headers })).headers.get('content-range'), '0-1/*');
    const head = await request('/rest/v1/notes', { method: 'HEAD', headers });
    t.equal(head.headers.get('content-range'), '0-4/*', 'Range has a meaning for GET alone');
  });

  t.test('refuses paths and methods that do not exist', async (t) => {
    const answer = async (path: string, method = 'GET') => {
      const response = await request(path, { method });
      return [response.status, ((await response.json()) as { code: string }).code];
    };
    t.same(await answer('/rest/v1/notes/1'), [404, 'PGRST125']);
    t.same(await answer('/rest/v1/rpc/a/b', 'POST'), [404, 'PGRST125']);
    t.same(await answer('/rest/v1/rpc/', 'POST'), [404, 'PGRST125']);
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE'])
      t.same(await answer('/rest/v1/', method), [405, 'PGRST117']);
    for (const method of ['PROPFIND', 'MKCOL', 'REPORT']) {
      t.same(await answer('/rest/v1/notes', method), [405, 'PGRST117'], method);
      t.same(await answer('/rest/v1/rpc/reads', method), [405, 'PGRST117'], method);
    }
    t.same(await answer('/rest/v1/rpc/reads', 'PATCH'), [405, 'PGRST101']);
  });

  t.test('the root is the description of the API', async (t) => {
    const root = await request('/rest/v1/');
    t.match([root.status, root.headers.get('content-type')], [200, 'application/openapi+json; charset=utf-8']);
    t.ok(((await root.json()) as { paths: Record<string, unknown> }).paths['/rest/v1/notes']);
  });

  t.test('answers without a body have no Content-Type', async (t) => {
    const posted = await request('/rest/v1/notes', { method: 'POST', body: '{"id":10}' });
    t.same([posted.status, posted.headers.get('content-type'), await posted.text()], [201, null, '']);
    const patched = await request('/rest/v1/notes?id=eq.10', { method: 'PATCH', body: '{"body":"x"}' });
    t.same([patched.status, patched.headers.get('content-type')], [204, null]);
    const called = await request('/rest/v1/rpc/writes', { method: 'POST' });
    t.same([called.status, called.headers.get('content-type')], [204, null]);
  });

  t.test('If-Match on GET', async (t) => {
    const etag = (await request('/rest/v1/notes?id=eq.1')).headers.get('etag') ?? '';
    for (const _ of [1, 2, 3]) {
      t.equal((await request('/rest/v1/notes?id=eq.1', { headers: { 'if-match': etag } })).status, 200);
      t.equal((await request('/rest/v1/notes?id=eq.1', { headers: { 'if-match': '"other"' } })).status, 412);
    }
  });

  t.test('a 304 has no Content-Length, whatever the method', async (t) => {
    const etag = (await request('/rest/v1/notes?id=eq.1')).headers.get('etag') ?? '';
    for (const method of ['GET', 'HEAD', 'HEAD']) {
      const known = await request('/rest/v1/notes?id=eq.1', { method, headers: { 'if-none-match': etag } });
      t.same([known.status, known.headers.get('content-length')], [304, null], method);
    }
    const whole = await request('/rest/v1/notes?id=eq.1', { method: 'HEAD' });
    t.equal(whole.headers.get('content-length'), String(JSON.stringify([{ id: 1, body: 'note 1' }]).length));
  });

  t.test('addresses above 4 KB are not sent in headers', async (t) => {
    const ids = Array.from({ length: 1_500 }, (_, n) => n).join();
    const long = await request(`/rest/v1/notes?id=in.(${ids})`);
    t.same([long.status, long.headers.get('content-location')], [200, null]);
    const paged = await request(`/rest/v1/notes?id=in.(${ids})&limit=1&after=`);
    t.match(
      [paged.status, await paged.json()],
      [400, { code: 'GATEWAY_LINK_LENGTH' }],
      'nor does a page pass for the last one',
    );
    t.equal((await request(`/rest/v1/notes?id=in.(${ids})&after=`)).status, 200, 'the last page needs no address');
    const short = await request('/rest/v1/notes?body=neq.<a>&limit=1&after=');
    t.match(short.headers.get('link'), /^<[^<>]*%3Ca%3E[^<>]*>; rel="next"$/);
  });
});
