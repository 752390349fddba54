/** A hit whose head is repeated has the bytes of one that Node composed, but for its date and tidemark. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useCachedGateway } from '../../cache/relay.ts';

const script = `create table rows (id int primary key, name text);
insert into rows values (1, 'one'), (2, 'Käse'), (3, '鯨 🐋');
create table long (id int primary key, name text);
insert into long select n, repeat('é', 50) from generate_series(1, 1000) n;
grant select on rows, long to anon;
alter publication tidemark add table rows, long;`;

const gateway = await useCachedGateway(t, { script });
await gateway.serving();
const { hostname, port } = new URL(gateway.url);
const fastHits = async () => (await gateway.figures()).tidemark_cache_front_hits_total as number;
const masked = (text: string) =>
  text.replaceAll(/^date: [^\r]+/gim, 'date: now').replaceAll(/^tidemark: [^\r]+/gim, 'tidemark: now');

/** Returns what the gateway sends until it closes the connection. */
async function send(text: string): Promise<string> {
  const socket = connect(Number(port), hostname).setEncoding('latin1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return received;
}

const CASES: Record<string, string> = {
  'a short text': 'GET /rest/v1/rows?id=eq.1 HTTP/1.1\r\nhost: x',
  'a text beyond latin1': 'GET /rest/v1/rows?select=name HTTP/1.1\r\nhost: x',
  'a long text': 'GET /rest/v1/long HTTP/1.1\r\nhost: x',
  'a coded body': 'GET /rest/v1/long HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip',
  'a HEAD request': 'HEAD /rest/v1/rows HTTP/1.1\r\nhost: x',
};
const RUN = 40;

for (const [name, request] of Object.entries(CASES)) {
  t.test(`repeats the head of ${name}`, async (t) => {
    const last = `${request}\r\nconnection: close\r\n\r\n`;
    await until(async () => /cache-status: tidemark; hit/i.test(await send(last)), 'the answer is cached');
    const before = await fastHits();
    const received = await send(`${`${request}\r\n\r\n`.repeat(RUN)}${last}`);
    t.ok((await fastHits()) - before >= RUN, 'the fast path answers');
    const replies = masked(received).split(/(?=HTTP\/1\.1 200 OK)/);
    t.equal(replies.length, RUN + 1);
    t.match(replies[0], /^connection: keep-alive\r\nkeep-alive: timeout=\d+\r$/im);
    t.same(new Set(replies.slice(0, RUN)).size, 1, 'all are the same');
    // Node composes the head of a response that closes the connection.
    const composed = replies[RUN]?.replace(
      /^connection: close\r$/im,
      /^connection: keep-alive\r\n.*\r$/im.exec(replies[0] as string)?.[0] as string,
    );
    t.equal(replies[0], composed);
    const body = replies[0]?.split('\r\n\r\n')[1] as string;
    const length = Number(/^content-length: (\d+)/im.exec(replies[0] as string)?.[1]);
    t.ok(length > 0);
    t.equal(body.length, request.startsWith('HEAD') ? 0 : length);
    const direct = await (await fetch(`${gateway.url}${request.split(' ')[1]}`)).text();
    if (name.includes('text')) t.equal(Buffer.from(body, 'latin1').toString(), direct);
  });
}

t.test('repeats the head of a 304', async (t) => {
  const first = await fetch(`${gateway.url}/rest/v1/rows?id=eq.2`);
  await first.text();
  const request = `GET /rest/v1/rows?id=eq.2 HTTP/1.1\r\nhost: x\r\nif-none-match: ${first.headers.get('etag')}\r\n`;
  const last = `${request}connection: close\r\n\r\n`;
  await until(async () => /cache-status: tidemark; hit/i.test(await send(last)), 'the answer is cached');
  const replies = masked(await send(`${`${request}\r\n`.repeat(RUN)}${last}`)).split(/(?=HTTP\/1\.1 304)/);
  t.equal(replies.length, RUN + 1);
  t.same(new Set(replies.slice(0, RUN)).size, 1);
  t.match(replies[0], /\r\n\r\n$/);
});

t.test('the date and the tidemark of a repeated head are those of the answer', async (t) => {
  const path = `${gateway.url}/rest/v1/rows?id=eq.3`;
  const ask = async () => {
    const response = await fetch(path);
    await response.text();
    return response.headers;
  };
  await until(async () => (await ask()).get('cache-status') === 'tidemark; hit', 'the answer is cached');
  const dates = new Set<string>();
  const tidemarks = new Set<string>();
  await until(async () => {
    const headers = await ask();
    const date = headers.get('date') as string;
    dates.add(date);
    tidemarks.add(headers.get('tidemark') as string);
    t.ok(Math.abs(Date.parse(date) - Date.now()) < 2_500, date);
    return dates.size > 2 && tidemarks.size > 1;
  }, 'the clock and the write-ahead log go on');
});

t.test('a client of HTTP/1.0 is answered as Node answers it', async (t) => {
  const request = 'GET /rest/v1/rows?id=eq.1 HTTP/1.0\r\n\r\n';
  await until(async () => /cache-status: tidemark; hit/i.test(await send(request)), 'the answer is cached');
  t.match(await send(request), /^connection: close\r$/im);
});
