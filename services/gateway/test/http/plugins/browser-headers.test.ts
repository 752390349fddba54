import { fastify } from 'fastify';
import t from 'tap';
import type { Config } from '../../../src/config.ts';
import { browserHeaders, createBrowserHeaders } from '../../../src/http/plugins/browser-headers.ts';
import { useGateway } from '../../gateway-fixture.ts';

async function app(settings: Partial<Config>) {
  const server = fastify();
  const headers = createBrowserHeaders({
    CORS_ORIGINS: '*',
    CORS_CREDENTIALS: false,
    HSTS_MAX_AGE_S: 0,
    ...settings,
  } as Config);
  server.register(browserHeaders, { ...headers, methodsOf: () => undefined });
  for (const path of ['/rest/v1/x', '/api/v1/files/x', '/console']) server.get(path, async () => 'ok');
  return {
    headers,
    ask: async (url: string, sent: Record<string, string> = {}) =>
      (await server.inject({ url, headers: sent })).headers,
  };
}

t.test('allows each named origin and no other, with credentials if configured', async (t) => {
  const { ask, headers } = await app({ CORS_ORIGINS: 'https://a.example, https://b.example', CORS_CREDENTIALS: true });
  const b = await ask('/rest/v1/x', { origin: 'https://b.example' });
  t.match(b, {
    'access-control-allow-origin': 'https://b.example',
    'access-control-allow-credentials': 'true',
    vary: 'Origin',
  });
  for (const origin of ['https://evil.example', 'https://a.example.evil', 'null', 'https://A.example.']) {
    const evil = await ask('/rest/v1/x', { origin });
    t.notOk('access-control-allow-origin' in evil, origin);
    t.equal(evil.vary, 'Origin');
  }
  t.ok(headers.headersFor('https://a.example').includes('https://a.example'));
  t.notOk(
    'access-control-allow-origin' in
      (await (await app({ CORS_ORIGINS: 'none' })).ask('/rest/v1/x', { origin: 'https://a' })),
  );
});

t.test('any origin with credentials is refused at the start', async (t) => {
  await t.rejects(app({ CORS_CREDENTIALS: true }), { code: 'GATEWAY_CORS' });
});

t.test('sends HSTS only if configured, and other policies for files and the console', async (t) => {
  const { ask } = await app({ HSTS_MAX_AGE_S: 600 });
  t.equal((await ask('/rest/v1/x'))['strict-transport-security'], 'max-age=600; includeSubDomains');
  const file = await ask('/api/v1/files/x');
  t.equal(file['cross-origin-resource-policy'], 'cross-origin');
  t.notOk('content-security-policy' in file);
  t.equal((await ask('/console'))['content-security-policy'], "frame-ancestors 'none'");
});

t.test('every answer says which origins may read it, and that it is data', async (t) => {
  const gateway = await useGateway(t, {
    script: 'create table public.wide (id int primary key); grant select on public.wide to anon;',
    env: { RATE_LIMITS: 'anon=1000/1s' },
  });
  const answer = await gateway.request('/rest/v1/wide?limit=1', { headers: { origin: 'https://app.example' } });
  const given = Object.fromEntries(answer.headers);
  t.match(given, {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': /tidemark, .*etag.*ratelimit/,
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  t.notOk('strict-transport-security' in given);
  t.notMatch(given.vary, /Origin/i);
  const preflight = await gateway.request('/rest/v1/wide', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization,prefer,tidemark',
    },
  });
  t.equal(preflight.status, 204);
  t.match(Object.fromEntries(preflight.headers), {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': /PATCH/,
    'access-control-allow-headers': 'authorization,prefer,tidemark',
    'access-control-max-age': '86400',
    vary: 'Access-Control-Request-Headers',
  });
  t.equal(
    (await gateway.request('/rest/v1/wide', { method: 'OPTIONS' })).headers.get('allow')?.includes('PATCH'),
    true,
  );
  for (const path of ['/nowhere', '/rest/v1/nowhere', '/livez']) {
    const other = await gateway.request(path);
    t.equal(other.headers.get('x-content-type-options'), 'nosniff', path);
    t.equal(other.headers.get('access-control-allow-origin'), '*', path);
  }
  t.match((await gateway.request('/docs')).headers.get('content-security-policy'), /script-src 'self'/);
});
