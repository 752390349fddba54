/** Tests which responses are compressed for which clients, and the other headers. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib';
import { fastify } from 'fastify';
import t from 'tap';
import { type BaseApp, type Coding, CompressionCounts, registerCompression } from '../../src/index.ts';

const counts = new CompressionCounts();
const app = fastify({ exposeHeadRoutes: true }) as unknown as BaseApp;
t.teardown(() => app.close());
const line = '{"id":1,"name":"a row of a table"}\n';
const TEXT = line.repeat(100);
const LARGE = line.repeat(2_000);
const keep = { coded: new Map<Coding, Buffer>() };
let source = new PassThrough();

await app.register(async (plain) => {
  const scope = plain as unknown as BaseApp;
  await registerCompression(scope, {
    counts,
    unacceptable: (asked) => Object.assign(new Error(`no coding for ${asked}`), { statusCode: 406 }),
    keptBodies: {
      find: (reply) => (reply.request.url === '/kept' ? keep : undefined),
      keepCoded: (kept, coding, bytes) => void kept.coded.set(coding, bytes),
    },
  });
  const json = 'application/json; charset=utf-8';
  scope.get('/list', (_, reply) => reply.type(json).header('etag', '"x"').header('content-range', '0-99/*').send(TEXT));
  scope.get('/page', (_, reply) =>
    reply.code(206).type(json).header('vary', 'Origin').header('content-range', '0-99/500').send(TEXT),
  );
  scope.get('/weak', (_, reply) => reply.type(json).header('etag', 'W/"x"').send(TEXT));
  scope.get('/large', (_, reply) => reply.type(json).send(LARGE));
  scope.get('/kept', (_, reply) => reply.type(json).header('etag', '"x"').send(LARGE));
  scope.get('/small', (_, reply) => reply.type(json).send('{}'));
  scope.get('/unchanged', (_, reply) => reply.header('etag', '"x+gzip"').code(304).send());
  scope.post('/write', (_, reply) => reply.type(json).send(TEXT));
  scope.get('/lines', (_, reply) => reply.type('application/x-ndjson').send(Readable.from([TEXT, TEXT])));
  scope.get('/slow', (_, reply) => {
    source = new PassThrough();
    return reply.type('application/x-ndjson').send(source);
  });
  scope.get('/fails', (_, reply) => reply.code(500).type('application/problem+json').send(TEXT));
  scope.get('/hb', (_, reply) => reply.type('text/csv').send(`hb,${TEXT}`));
  scope.get('/hb-stream', (_, reply) => reply.type('text/csv').send(Readable.from([`hb,${TEXT}`])));
  scope.get('/download', (_, reply) => reply.type('text/plain').header('accept-ranges', 'bytes').send(TEXT));
  scope.get('/as-it-is', (_, reply) => reply.type(json).header('cache-control', 'no-transform').send(TEXT));
  scope.get('/coded', (_, reply) => reply.type(json).header('content-encoding', 'zstd').send(TEXT));
  scope.get('/typed', (request, reply) => reply.type((request.query as { type: string }).type).send(TEXT));
});
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as AddressInfo;

const ask = (url: string, accept?: string, method: 'GET' | 'HEAD' | 'POST' = 'GET') =>
  app.inject({ url, method, headers: accept === undefined ? {} : { 'accept-encoding': accept } });
const decoded = { gzip: gunzipSync, br: brotliDecompressSync };

/** A request on a socket, whose answer is read as it comes. */
async function open(path: string, coding: string): Promise<IncomingMessage> {
  const request = get({ port, path, agent: false, headers: { 'accept-encoding': coding } });
  request.on('error', (error) => t.match(error, { code: 'ECONNRESET' }));
  return (await once(request, 'response'))[0] as IncomingMessage;
}

t.test('chooses the coding by the weights of Accept-Encoding', async (t) => {
  const table: [accept: string | undefined, coding: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['GZIP ; Q=1.0', 'gzip'],
    ['x-gzip', 'gzip'],
    ['*', 'gzip'],
    ['*, br;q=0', 'gzip'],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=0', undefined],
    ['deflate, compress', undefined],
    ['*;q=0, identity', undefined],
  ];
  for (const [accept, coding] of table) {
    const answer = await ask('/list', accept);
    t.equal(answer.headers['content-encoding'], coding, String(accept));
    t.match(answer.headers.vary, /accept-encoding/);
  }
});

t.test(
  'a client that takes neither our codings nor the plain bytes gets 406, but learns what its write did',
  async (t) => {
    for (const accept of ['identity;q=0', '*;q=0', 'zstd, identity;q=0.0']) {
      t.equal((await ask('/list', accept)).statusCode, 406, accept);
      t.equal((await ask('/write', accept, 'POST')).statusCode, 200, accept);
      t.equal((await ask('/fails', accept)).statusCode, 500, accept);
    }
  },
);

t.test('compresses lists, pages, streams, errors and texts that look like zlib data', async (t) => {
  for (const path of ['/list', '/page', '/large', '/lines', '/fails', '/hb', '/hb-stream']) {
    const plain = await ask(path);
    for (const coding of ['gzip', 'br'] as const) {
      const answer = await ask(path, coding);
      t.equal(answer.headers['content-encoding'], coding, path);
      t.same(decoded[coding](answer.rawPayload), plain.rawPayload, `${path} has the same bytes`);
      t.equal(answer.statusCode, plain.statusCode);
      t.equal(answer.headers['content-range'], plain.headers['content-range']);
    }
  }
  t.equal((await ask('/page', 'gzip')).headers.vary, 'Origin, accept-encoding');
  const large = await ask('/large', 'gzip');
  t.equal(large.headers['content-length'], String(large.rawPayload.length), 'a whole body has its length');
});

t.test('leaves downloads, small bodies, coded bodies and no-transform unchanged', async (t) => {
  const types = ['application/octet-stream', 'image/svg+xml', 'application/wasm', 'text/event-stream'];
  const typed = types.map((type) => `/typed?type=${encodeURIComponent(type)}`);
  for (const path of ['/small', '/download', '/as-it-is', ...typed]) {
    const answer = await ask(path, 'gzip, br');
    t.equal(answer.headers['content-encoding'], undefined, path);
  }
  t.equal((await ask('/coded', 'gzip')).headers['content-encoding'], 'zstd');
});

t.test('each coding has its own strong ETag; weak ETags and those of a 304 stay unchanged', async (t) => {
  t.equal((await ask('/list')).headers.etag, '"x"');
  t.equal((await ask('/list', 'gzip')).headers.etag, '"x+gzip"');
  t.equal((await ask('/list', 'br')).headers.etag, '"x+br"');
  t.equal((await ask('/weak', 'br')).headers.etag, 'W/"x"');
  const unchanged = await ask('/unchanged', 'gzip');
  t.equal(unchanged.headers.etag, '"x+gzip"');
  t.equal(unchanged.headers['content-encoding'], undefined);
});

t.test('HEAD has the headers of GET', async (t) => {
  for (const path of ['/list', '/page', '/large', '/lines', '/download', '/small']) {
    const full = await ask(path, 'gzip');
    const head = await ask(path, 'gzip', 'HEAD');
    t.equal(head.body, '');
    for (const name of ['content-encoding', 'content-length', 'content-range', 'etag', 'vary', 'content-type']) {
      t.equal(head.headers[name], full.headers[name], `${path}: ${name}`);
    }
  }
});

t.test('compresses a stored body once, also for concurrent requests', async (t) => {
  const before = counts.bodies;
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/kept', 'br')));
  for (const { rawPayload, headers } of [...answers, await ask('/kept', 'br')]) {
    t.same(String(brotliDecompressSync(rawPayload)), LARGE);
    t.match(headers, { etag: '"x+br"', 'content-encoding': 'br', 'content-length': String(rawPayload.length) });
  }
  t.equal(counts.bodies - before, 1);
});

t.test('flushes a slow stream line by line', async (t) => {
  const answer = open('/slow', 'gzip');
  await once(app.server, 'request');
  source.write(line);
  const lines = (await answer).pipe(createGunzip());
  t.equal(String((await once(lines, 'data'))[0]), line);
  source.write('second\n');
  t.equal(String((await once(lines, 'data'))[0]), 'second\n');
  source.end();
  lines.resume();
  await once(lines, 'end');
});

t.test('a client that disconnects ends the source of its stream', async (t) => {
  for (const coding of ['gzip', 'br']) {
    const opening = open('/slow', coding);
    await once(app.server, 'request');
    source.write(line);
    const answer = await opening;
    t.equal(counts.pending, 1);
    // An error of the source also means that it is closed.
    const closed = once(source, 'close').catch((error) => t.match(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
    answer.destroy();
    await closed;
    t.ok(source.destroyed);
    while (counts.pending > 0) await new Promise(setImmediate);
  }
});

t.test('the source of a stream pauses while its client does not read', async (t) => {
  const opening = open('/slow', 'gzip');
  await once(app.server, 'request');
  source.write(line);
  const answer = await opening;
  answer.pause();
  let written = 0;
  const block = Buffer.from(Array.from({ length: 64 * 1024 }, () => Math.floor(Math.random() * 256)));
  // The buffers of the sockets take some MB; 100 MB would have to be in memory.
  while (written < 100_000_000) {
    written += block.length;
    if (source.write(block)) continue;
    const drained = once(source, 'drain');
    const rests = new Promise((resolve) => setTimeout(resolve, 500, 'rests'));
    if ((await Promise.race([drained, rests])) === 'rests') break;
  }
  t.ok(written < 50_000_000, `${written} bytes were taken`);
  const closed = once(source, 'close').catch(() => undefined);
  answer.destroy();
  await closed;
});

t.test(
  'beyond 64 compressions at a time, large answers are plain and counted, and small ones are still compressed',
  async (t) => {
    const opened: IncomingMessage[] = [];
    const sources: PassThrough[] = [];
    for (let index = 0; index < 64; index += 1) {
      const opening = open('/slow', 'gzip');
      await once(app.server, 'request');
      source.write(line);
      sources.push(source);
      opened.push(await opening);
    }
    t.equal((await ask('/large', 'gzip')).headers['content-encoding'], undefined);
    t.equal(counts.busy, 1);
    t.equal((await ask('/list', 'gzip')).headers['content-encoding'], 'gzip');
    for (const one of sources) one.end();
    for (const one of opened) {
      one.resume();
      await once(one, 'end');
    }
    while (counts.pending > 0) await new Promise(setImmediate);
    t.equal((await ask('/large', 'gzip')).headers['content-encoding'], 'gzip');
  },
);
