import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { redact } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import { createLogger } from '../src/index.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoib3BzIn0.c2lnbmF0dXJl-_x';
const OPAQUE = 's3cr3t-Value.1';

/** Every way in which a token has been seen on its way into a log. */
const LEAKS = (secret: string): unknown[] => [
  `proxy websocket ws://127.0.0.1:8081/live?apikey=${secret}&query=teams`,
  `/console/#token=${secret}`,
  `/live?query=a%3Fb&APIKEY=${secret}`,
  `callback?access_token=${secret}`,
  { url: `/api/v1/files/x?token=${secret}` },
  { req: { headers: { authorization: `Bearer ${secret}`, apikey: secret, cookie: `sb=${secret}` } } },
  { headers: { Authorization: `bearer ${secret}` } },
  { message: JSON.stringify({ op: 'auth', token: secret }) },
  new Error(`connect to postgres://tidemark:${secret}@10.0.0.1:5432/db failed`),
  `nats://user:${secret}@nats:4222, nats://${secret}@nats:4222`,
  { statement: `select set_config('request.headers', '{"authorization":"Bearer ${secret}"}', true)` },
];

t.test('log lines contain no tokens and stay valid JSON', async (t) => {
  const file = join(t.testdir(), 'log');
  const fd = openSync(file, 'w');
  t.teardown(() => closeSync(fd));
  const lines = () => readFileSync(file, 'utf8').trimEnd().split('\n');
  const logger = createLogger({ service: 'test', instance: 'i', level: 'trace', fd });
  for (const secret of [JWT, OPAQUE]) {
    for (const leak of LEAKS(secret)) {
      if (typeof leak === 'string') logger.debug(leak);
      else if (leak instanceof Error) logger.warn({ err: leak }, 'failed');
      else logger.info(leak as object, 'request failed');
      const line = lines().at(-1) as string;
      t.notOk(line.includes(secret), line);
      t.ok(line.includes('***'), line);
      t.doesNotThrow(() => JSON.parse(line), line);
    }
  }
  t.match(lines()[0], /live\?apikey=\*\*\*&query=teams/, 'and the rest is there');
});

t.test('redact() keeps any JSON line valid', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('Bearer ', 'apikey=', '"token":"', '\\"apikey\\": \\"', '//u:p@', 'eyJhbGci.eyJ', '\\', '"', '@'),
  );
  fc.assert(
    fc.property(fc.array(part), fc.array(part), (name, text) => {
      JSON.parse(redact(JSON.stringify({ [name.join('')]: text.join(''), token: text.join('') })));
    }),
    { numRuns: 500 },
  );
});

t.test('redact() does not change text without secrets', async (t) => {
  for (const text of [
    'gateway listening at http://127.0.0.1:8080',
    '{"route":"GET /rest/v1/tokens","ms":12,"sql":"select token from tokens where id = ?"}',
    'postgres://tidemark@db:5432/app',
    'the token expired at 2026-01-01T00:00:00.000Z',
  ]) {
    t.equal(redact(text), text);
  }
});
