import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { OneWriteResponse } from '../src/one-write.ts';
import { openRaw } from './raw-http.ts';

type Answers = (response: OneWriteResponse, request: IncomingMessage) => void;

/** Returns what servers with Node's class and with ours send; the last request must close the connection. */
async function sent(t: Test, answers: Answers, requests: string): Promise<{ node: string; ours: string }> {
  const ask = async (options: object) => {
    const server = createServer(options, (request, response) => answers(response as OneWriteResponse, request));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const { closed } = openRaw((server.address() as AddressInfo).port, requests);
    return (await closed).replaceAll(/Date: [^\r]+/g, 'Date: now');
  };
  return { node: await ask({ ServerResponse }), ours: await ask({ ServerResponse: OneWriteResponse }) };
}

const LAST = 'GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
const requests = (...lines: string[]) => lines.map((line) => `${line} HTTP/1.1\r\nhost: x\r\n\r\n`).join('') + LAST;

const TEXTS = {
  ascii: '{"a":1}',
  latin1: 'Käse',
  'any character': '鯨 🐋 \ud800',
  empty: '',
  long: 'é'.repeat(40_000),
};

for (const [name, text] of Object.entries(TEXTS)) {
  t.test(`sends the bytes that Node's class sends: ${name}`, async (t) => {
    const length = String(Buffer.byteLength(text));
    const { node, ours } = await sent(
      t,
      (response, { url }) => {
        if (url === '/length') response.writeHead(200, ['content-length', length]);
        else if (url === '/chunked') response.writeHead(200, { 'content-type': 'text/plain' });
        else if (url === '/304') response.writeHead(304);
        else if (url === '/parts') {
          response.writeHead(200, ['content-length', String(2 * Number(length))]);
          response.write(text);
        }
        response.end(text);
      },
      requests('GET /length', 'HEAD /length', 'GET /chunked', 'GET /304', 'GET /parts', 'GET /implicit'),
    );
    t.equal(ours, node);
  });
}

t.test("sends the bytes that Node's class sends to a client of HTTP/1.0", async (t) => {
  const answers: Answers = (response) => response.writeHead(200, ['content-length', '2']).end('ok');
  const { node, ours } = await sent(t, answers, 'GET / HTTP/1.0\r\n\r\n');
  t.match(ours, /ok$/);
  t.equal(ours, node);
});

t.test('calls back and finishes once the response is sent, also for pipelined requests', async (t) => {
  const events: string[] = [];
  const answers: Answers = (response, { url }) => {
    response.once('finish', () => events.push(`finish ${url}`)).once('close', () => events.push(`close ${url}`));
    // The responses are ended in the reverse order of the requests.
    setTimeout(() => response.writeHead(200, ['content-length', '2']).end('ok'), url === '/1' ? 20 : 0);
  };
  const { node, ours } = await sent(t, answers, requests('GET /1', 'GET /2'));
  t.equal(ours, node);
  t.equal(events.length, 12, 'three responses of each class');
  t.same(events.slice(6), events.slice(0, 6));
});

t.test('sends a head of an earlier response with any body', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 50 }), fc.boolean(), async (text, asBytes) => {
      const body = asBytes && text !== '' ? Buffer.from(text) : text;
      let head: string | undefined;
      const answers: Answers = (response) => {
        const length = Buffer.byteLength(text);
        if (head === undefined || !response.shouldKeepAlive) {
          response.writeHead(200, ['content-length', String(length), 'x-name', 'value']);
          head = response.head;
          response.end(body);
        } else response.endWithHead(200, head, body);
      };
      const server = createServer({ ServerResponse: OneWriteResponse }, (request, response) =>
        answers(response, request),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { closed } = openRaw((server.address() as AddressInfo).port, requests('GET /1', 'GET /2'));
      const [first, second, last] = (await closed).split('HTTP/1.1 200 OK\r\n').slice(1);
      server.close();
      t.equal(second, first);
      t.match(last, /Connection: close/);
    }),
    { numRuns: 30 },
  );
});
