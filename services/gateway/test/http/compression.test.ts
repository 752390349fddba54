/** Tests which replies are compressed, and the effect on ETags and the cache. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useCachedGateway } from '../cache/relay.ts';

// Before the first test: tap ends a file that has something to tear down and, at the moment, nothing to test.
const gateway = await useCachedGateway(t, {
  script: `
    create table rows (id int primary key, name text not null);
    insert into rows select i, 'the name of row number ' || i from generate_series(1, 300) i;
    create function long() returns setof text stable language sql as $$ select name from rows $$;
    grant select, insert, update, delete on rows to anon, service_role;
    alter publication tidemark add table rows;`,
});
await gateway.serving();

interface Raw {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends no header of its own and decodes nothing, unlike `fetch`. */
async function raw(path: string, headers: Record<string, string> = {}, method = 'GET', body?: string): Promise<Raw> {
  const sent = httpRequest(`${gateway.url}${path}`, { method, headers, agent: false });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}
const accepting = (coding: string) => ({ 'accept-encoding': coding });

t.test('compresses answers with a coding that the client accepts', async (t) => {
  const plain = await raw('/rest/v1/rows');
  t.equal(plain.headers['content-encoding'], undefined);
  t.match(plain.headers.vary, /accept-encoding/);
  const decode = { gzip: gunzipSync, br: brotliDecompressSync } as const;
  const tags = new Set([plain.headers.etag]);
  for (const coding of ['gzip', 'br'] as const) {
    const coded = await raw('/rest/v1/rows', accepting(coding));
    t.equal(coded.headers['content-encoding'], coding);
    t.equal(coded.headers['content-length'], String(coded.body.length));
    t.ok(coded.body.length < plain.body.length / 4, `${plain.body.length} bytes became ${coded.body.length}`);
    t.same(decode[coding](coded.body), plain.body);
    tags.add(coded.headers.etag);
    const head = await raw('/rest/v1/rows', accepting(coding), 'HEAD');
    for (const name of ['content-encoding', 'content-length', 'etag', 'vary', 'content-type'] as const) {
      t.equal(head.headers[name], coded.headers[name], `HEAD tells the same ${name}`);
    }
    t.equal(head.body.length, 0);
  }
  t.equal(tags.size, 3, 'an ETag each');
  const small = await raw('/rest/v1/rows?id=eq.1', accepting('gzip'));
  t.equal(small.headers['content-encoding'], undefined, 'not below the threshold');
  for (const path of ['/rest/v1/rpc/long', '/openapi.json']) {
    const coded = await raw(path, accepting('gzip'));
    t.equal(coded.headers['content-encoding'], 'gzip', path);
    t.ok(JSON.parse(String(gunzipSync(coded.body))), path);
  }
  const page = await raw('/rest/v1/rows?limit=200', { ...accepting('gzip'), prefer: 'count=exact' });
  t.equal(page.status, 206);
  t.equal(page.headers['content-range'], '0-199/300');
  t.equal(JSON.parse(String(gunzipSync(page.body))).length, 200);
  const refused = await raw('/rest/v1/rows', accepting('identity;q=0'));
  t.equal(refused.status, 406);
  t.equal(JSON.parse(String(refused.body)).code, 'GATEWAY_ENCODING');
  t.equal((await raw('/rest/v1/rows', accepting('identity;q=0, gzip'))).headers['content-encoding'], 'gzip');
});

t.test('streams are compressed too, and images never', async (t) => {
  const plain = await raw('/docs/swagger-ui-bundle.js');
  const coded = await raw('/docs/swagger-ui-bundle.js', accepting('gzip'));
  t.equal(coded.headers['content-encoding'], 'gzip');
  t.equal(coded.headers['content-length'], undefined);
  t.same(gunzipSync(coded.body), plain.body);
  const head = await raw('/docs/swagger-ui-bundle.js', accepting('gzip'), 'HEAD');
  t.equal(head.headers['content-encoding'], 'gzip');
  t.equal(head.body.length, 0);
  const service = { authorization: `Bearer ${await gateway.token({ role: 'service_role' })}` };
  const asLines = { ...service, ...accepting('gzip'), accept: 'application/x-ndjson', prefer: 'export=stream' };
  const lines = await raw('/rest/v1/rows?select=id', asLines);
  t.equal(lines.headers['content-encoding'], 'gzip', 'an NDJSON stream');
  t.match(String(gunzipSync(lines.body)), /"id":300}\n/);
  const text = 'a line of text, '.repeat(200);
  await raw('/api/v1/files/notes.txt', { ...service, 'content-type': 'text/plain' }, 'PUT', text);
  const file = await raw('/api/v1/files/notes.txt', { ...service, ...accepting('gzip') });
  t.equal(file.headers['content-encoding'], undefined, 'a file is its bytes: ranges of them can be asked for');
  t.equal(String(file.body), text);
});

t.test('answers 304 for the ETag of an accepted coding, and If-Match accepts the ETag of any coding', async (t) => {
  const path = '/rest/v1/rows?id=lt.200';
  const coded = await raw(path, accepting('gzip'));
  const held = { 'if-none-match': coded.headers.etag as string };
  const same = await raw(path, { ...held, ...accepting('gzip') });
  t.equal(same.status, 304);
  t.equal(same.headers.etag, coded.headers.etag);
  t.equal(same.headers['content-encoding'], undefined);
  t.equal((await raw(path, held)).status, 200, 'who takes no gzip any more gets the bytes');
  const patched = await raw(
    path,
    { 'if-match': coded.headers.etag as string, 'content-type': 'application/json' },
    'PATCH',
    '{"name":"changed"}',
  );
  t.equal(patched.status, 204);
  const written = { tidemark: patched.headers.tidemark as string };
  t.equal((await raw(path, { ...held, ...written, ...accepting('gzip') })).status, 200);
});

t.test('a cached answer is compressed once, and its compressed form is counted', async (t) => {
  const path = '/rest/v1/rows?order=id.desc';
  await until(async () => (await raw(path)).headers['cache-status'] === 'tidemark; hit', 'the answer is cached');
  const before = await gateway.figures();
  for (let round = 0; round < 5; round += 1) {
    const coded = await raw(path, accepting('br'));
    t.equal(coded.headers['cache-status'], 'tidemark; hit');
    t.equal(JSON.parse(String(brotliDecompressSync(coded.body))).length, 300);
  }
  const after = await gateway.figures();
  const grown = (name: string) => (after[name] as number) - (before[name] as number);
  t.equal(grown('tidemark_compressed_bodies_total'), 1);
  t.ok(grown('tidemark_cache_front_hits_total') >= 3, 'compressed hits are answered before fastify');
  t.equal(grown('tidemark_cache_bytes'), grown('tidemark_compression_out_bytes_total'));
  await gateway.sql`update rows set name = 'new' where id = 1`;
  await until(async () => {
    const { body } = await raw(path, accepting('br'));
    return JSON.parse(String(brotliDecompressSync(body))).at(-1).name === 'new';
  }, 'the change is seen in the compressed form');
});
