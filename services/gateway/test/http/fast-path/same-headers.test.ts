/** Answers of fastify, of the fast path and of the load shedder have the same headers for browsers. */
import { connect } from 'node:net';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useCachedGateway } from '../../cache/relay.ts';

const ORIGINS = 'https://a.example, https://b.example';
const script = `create table rows (id int primary key, name text);
insert into rows values (1, 'one');
grant select on rows to anon;
alter publication tidemark add table rows;`;
const PATH = '/rest/v1/rows?select=name&id=gte.0';
/** Headers that do not concern browsers, or that differ on an answer without data. */
const OTHERS =
  /^(cache-control|cache-status|connection|content-(length|location|profile|range|type)|date|etag|keep-alive|retry-after|tidemark|tidemark-source)$/;

const SETTINGS: Record<string, Record<string, string>> = {
  'any origin': {},
  'named origins, with credentials': { CORS_ORIGINS: ORIGINS, CORS_CREDENTIALS: 'true', HSTS_MAX_AGE_S: '60' },
  'no origin': { CORS_ORIGINS: 'none' },
};

for (const [name, env] of Object.entries(SETTINGS)) {
  t.test(`fastify, the fast path and the load shedder send the same headers: ${name}`, async (t) => {
    const gateway = await useCachedGateway(t, { script, env: { ...env, REQUESTS_MAX: '1' } });
    await gateway.serving();
    const ask = async (origin: string | undefined) => {
      const answer = await fetch(`${gateway.url}${PATH}`, { headers: origin === undefined ? {} : { origin } });
      await answer.text();
      const headers = Object.fromEntries([...answer.headers].filter(([key]) => !OTHERS.test(key)));
      // The representation of data also depends on the identity and the request's headers.
      headers.vary = /\bOrigin\b/.test(headers.vary ?? '') ? 'Origin' : '';
      return { status: answer.status, hit: answer.headers.get('cache-status') === 'tidemark; hit', headers };
    };
    const fastHits = async () => (await gateway.figures()).tidemark_cache_front_hits_total as number;

    for (const origin of [undefined, 'https://b.example', 'https://evil.example']) {
      const first = await ask(origin);
      t.equal(first.status, 200);
      t.ok(Object.keys(first.headers).length > 3, 'headers are compared');
      await until(async () => (await ask(origin)).hit, 'the answer is cached');
      const hits = await fastHits();
      let fast = await ask(origin);
      await until(async () => {
        fast = await ask(origin);
        return (await fastHits()) > hits;
      }, 'the fast path answers');
      t.same(fast.headers, first.headers, `the fast path, ${origin}`);

      const { hostname, port } = new URL(gateway.url);
      const pending = connect(Number(port), hostname);
      const head = `POST /rest/v1/rows HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n`;
      pending.write(`${head}content-length: 10\r\n\r\n`);
      let refused = await ask(origin);
      await until(async () => {
        refused = await ask(origin);
        return refused.status === 503;
      }, 'a request is shed');
      t.same(refused.headers, first.headers, `the load shedder, ${origin}`);
      pending.destroy();
      await until(async () => (await ask(origin)).status === 200, 'no request is shed');
    }
  });
}
