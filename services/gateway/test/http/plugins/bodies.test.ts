/** Bodies: large, deep, endless and broken ones are refused clearly, the rest arrives whole, as JSON or CSV. */

import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { metricsPage } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const MB = 1024 ** 2;
const script = `create table texts (id integer primary key, body text, tag text default 'none');
grant select, insert, update on texts to authenticated;`;
const gateway = await useGateway(t, { script, env: { BODIES_READING_BYTES: String(24 * MB) } });
const { sql } = gateway;
const token = await gateway.token({ role: 'authenticated', sub: 'ada' });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const { hostname, port } = new URL(gateway.url);
const post = (body: string, more: Record<string, string> = {}, path = '/rest/v1/texts') =>
  fetch(`${gateway.url}${path}`, { method: 'POST', headers: { ...headers, ...more }, body });
const reading = async () =>
  Number(/^tidemark_bodies_reading_bytes\{[^}]*\} (\d+)/m.exec(await metricsPage(gateway.url))?.[1]);

t.test('refuses 50 MB by their Content-Length before they are sent', async (t) => {
  const socket = connect(Number(port), hostname);
  const head = [
    'POST /rest/v1/texts HTTP/1.1',
    `host: ${hostname}`,
    ...Object.entries(headers).map((h) => h.join(': ')),
  ];
  socket.write(`${head.join('\r\n')}\r\ncontent-length: ${50 * MB}\r\n\r\n`);
  let answer = '';
  while (!answer.includes('"hint"')) answer += String((await once(socket, 'data'))[0]);
  socket.destroy();
  t.match(answer, /^HTTP\/1.1 413 /);
  t.match(answer, 'GATEWAY_BODY_LIMIT');
  t.match(answer, String(50 * MB));
});

/** Sends `bytes` in chunks until it is answered. */
async function stream(bytes: number): Promise<{ status: number; body: string; sent: number }> {
  // Kept alive: of a connection that is to be closed, the answer is lost when the sender goes on.
  const agent = new Agent({ keepAlive: true });
  const request = httpRequest(`${gateway.url}/rest/v1/texts`, { method: 'POST', headers, agent });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    request.on('response', resolve).on('error', reject),
  );
  let isAnswered = false;
  const over = answered.then(
    () => {
      isAnswered = true;
    },
    () => {
      isAnswered = true;
    },
  );
  request.write('[{"id":1,"body":"');
  let sent = 0;
  for (const chunk = Buffer.alloc(MB / 4, 'x'); sent < bytes && !isAnswered; sent += chunk.length) {
    if (!request.write(chunk)) await Promise.race([new Promise((resolve) => request.once('drain', resolve)), over]);
  }
  const response = await answered;
  let body = '';
  for await (const piece of response) body += piece;
  request.destroy();
  agent.destroy();
  return { status: response.statusCode ?? 0, body, sent };
}

t.test('cuts off 50 MB without a Content-Length on the way, without using memory', async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const meter = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 5);
  const answers = await Promise.all(Array.from({ length: 8 }, () => stream(50 * MB)));
  clearInterval(meter);
  for (const { status, body, sent } of answers) {
    t.ok(sent < 50 * MB, `${sent} bytes were sent`);
    if (status === 503) t.match(JSON.parse(body), { code: 'GATEWAY_BODIES_READING' });
    else t.match([status, JSON.parse(body)], [413, { code: 'GATEWAY_BODY_LIMIT' }]);
  }
  t.ok(
    answers.some(({ status }) => status === 503),
    'more than 24 MB at a time were refused',
  );
  t.ok(most < 100 * MB, `${(most / MB).toFixed(0)} MB for 400`);
  t.equal(await reading(), 0);
  t.equal((await post('{"id":1,"body":"after"}')).status, 201, 'and the next one is served');
});

t.test('refuses deep JSON and too many objects, lines and fields', async (t) => {
  const bodies: [string, string, RegExp][] = [
    ['application/json', '['.repeat(100_000), /nests deeper than 200/],
    ['application/json', `{"id":2,"body":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`, /nests deeper/],
    ['application/json', `[${'{},'.repeat(1_000_000)}{}]`, /more than 300000 objects/],
    ['text/csv', `id\n${'\n'.repeat(1_000_000)}`, /more than 300000 lines/],
    ['text/csv', `${'a,'.repeat(1_000_000)}a\n`, /more than 1600 fields/],
    ['application/x-www-form-urlencoded', 'a=1&'.repeat(100_000), /more than 1600 keys/],
  ];
  for (const [type, body, reason] of bodies) {
    const answer = await post(body, { 'content-type': type });
    t.match([answer.status, await answer.json()], [400, { code: 'PGRST102', message: reason, hint: /./ }]);
  }
  const operations = await post(`{"operations":${'['.repeat(1_000)}`, {}, '/api/v1/transaction');
  t.match([operations.status, await operations.json()], [400, { message: /nests deeper/ }]);
});

t.test('a body in pieces arrives whole, and one that breaks off leaves nothing', async (t) => {
  const text = Buffer.from('{"id":3,"body":"Gezeitenmarke – ünïcödé 🌊"}');
  const send = (length: number) =>
    httpRequest(`${gateway.url}/rest/v1/texts`, {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'content-length': length },
    });
  const whole = send(text.length);
  for (const byte of text) {
    whole.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  whole.end();
  const [response] = (await once(whole, 'response')) as [IncomingMessage];
  response.resume();
  t.equal(response.statusCode, 201);
  const [row] = await sql`select body from texts where id = 3`;
  t.equal(row?.body, 'Gezeitenmarke – ünïcödé 🌊');

  const broken = send(1_000);
  // The test destroys this request itself.
  broken.on('error', () => undefined);
  broken.write('{"id":4');
  for (let i = 0; i < 500 && (await reading()) === 0; i += 1);
  t.equal(await reading(), 7);
  broken.destroy();
  for (let i = 0; i < 500 && (await reading()) > 0; i += 1);
  t.equal(await reading(), 0);
});

t.test('inserts and upserts CSV with quotes, NULL and line breaks', async (t) => {
  const csv = { 'content-type': 'text/csv', prefer: 'return=representation' };
  const first = await post('id,body,tag\r\n10,"a ""quoted"", one",NULL\n11,"NULL",\n', csv);
  t.same(await first.json(), [
    { id: 10, body: 'a "quoted", one', tag: null },
    { id: 11, body: 'NULL', tag: '' },
  ]);
  const merged = await post('id,body\n11,"two\nlines"\n12,new\n', {
    ...csv,
    prefer: 'return=representation,resolution=merge-duplicates',
  });
  t.same(await merged.json(), [
    { id: 11, body: 'two\nlines', tag: '' },
    { id: 12, body: 'new', tag: 'none' },
  ]);
  const ignored = await post(
    'id,body\n12,again\n13,more\n',
    { ...csv, prefer: 'return=headers-only,resolution=ignore-duplicates' },
    '/rest/v1/texts?on_conflict=id',
  );
  t.equal(ignored.status, 201);
  t.equal(ignored.headers.get('location'), '/rest/v1/texts?id=eq.13');
  const one = await post('id,body\n14,x\n', { 'content-type': 'text/csv', prefer: 'return=headers-only' });
  t.equal(one.headers.get('location'), '/rest/v1/texts?id=eq.14');
  for (const body of ['', 'id,body\n1', 'id\n"1', 'id\n"1"2\n']) {
    const answer = await post(body, csv);
    t.match([answer.status, await answer.json()], [400, { code: 'PGRST102', hint: /./ }], JSON.stringify(body));
  }
});
