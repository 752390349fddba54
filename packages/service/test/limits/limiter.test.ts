import type { IncomingMessage } from 'node:http';
import t from 'tap';
import {
  authErrors,
  clientAddress,
  createLimiter,
  createMetrics,
  identityKey,
  SharedRate,
  type TokenVerifier,
  trustedProxies,
} from '../../src/index.ts';

const CONFIG = { TRUST_PROXY: '', IDENTITY_SHARE_PERCENT: 10, RATE_LIMIT_IDENTITIES: 1_000, BAD_TOKENS_PER_S: 10 };

t.test('one identity may use half of a rate, and beyond it only its share', async (t) => {
  const rate = new SharedRate({ perSecond: 100, burstSeconds: 10, sharePercent: 10, identities: 1_000 });
  let passed = 0;
  while (rate.take('crowd', 0) === 0) passed += 1;
  t.equal(passed, 500 + 100, 'half of 1,000, and 10 percent of them');
  t.equal(rate.take('crowd', 0), 100, 'ms until a hundredth of its share is back');
  let others = 0;
  for (let n = 0; n < 1_000; n += 1) if (rate.take(`other ${n}`, 0) === 0) others += 1;
  t.equal(others, 400, 'all that was left');
  t.equal(rate.take('crowd', 60_000), 0, 'and later it is free again');
});

t.test('giveBack() returns a request that was harmless', async (t) => {
  const rate = new SharedRate({ perSecond: 1, burstSeconds: 10, sharePercent: 10, identities: 1_000 });
  for (let n = 0; n < 1_000; n += 1) {
    t.equal(rate.take('a', 0), 0);
    rate.giveBack('a');
  }
});

t.test(
  'refuses a flood of invalid tokens without verification, while known tokens and other addresses pass',
  async (t) => {
    let checks = 0;
    const good = { role: 'authenticated', claims: { sub: 'ada' }, claimsText: '{}' };
    const verifier = Object.assign(
      async (token: string) => {
        checks += 1;
        if (token.startsWith('bad')) throw authErrors.TOKEN_INVALID({ reason: 'signature verification failed' });
        return good;
      },
      { cached: (token: string) => (token === 'known' ? good : undefined) },
    ) as unknown as TokenVerifier;
    const metrics = createMetrics('test');
    const verify = createLimiter(CONFIG, metrics).limitBadTokens(verifier);
    const codes = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 5_000 }, (_, n) =>
        verify(`bad ${n}`, '203.0.113.7').catch(({ code }) => codes.set(code, (codes.get(code) ?? 0) + 1)),
      ),
    );
    t.ok(checks <= 62, `${checks} of 5,000 were checked: half of 100, and a share of 10`);
    t.equal(codes.get('AUTH_TOKEN_INVALID'), checks);
    t.equal(codes.get('LIMIT_RATE'), 5_000 - checks);
    t.match(await verify('known', '203.0.113.7'), { role: 'authenticated' }, 'a token that was verified before');
    await t.rejects(verify('fresh', '203.0.113.7'), { code: 'LIMIT_RATE', status: 429 });
    for (let n = 0; n < 200; n += 1) t.match(await verify(`fresh ${n}`, '198.51.100.1'), { role: 'authenticated' });
    await t.rejects(verify('bad', '198.51.100.1'), { code: 'AUTH_TOKEN_INVALID' });
    t.match(await metrics.registry.metrics(), /tidemark_rate_limited_total\{policy="bad_tokens".*\} 49\d\d/);
  },
);

t.test('unavailable issuer keys do not count against the address', async (t) => {
  const verifier = Object.assign(
    async () => {
      throw authErrors.KEYS_UNAVAILABLE({ reason: 'away' });
    },
    { cached: () => undefined },
  ) as unknown as TokenVerifier;
  const verify = createLimiter(CONFIG, createMetrics('test')).limitBadTokens(verifier);
  for (let n = 0; n < 300; n += 1) await t.rejects(verify('x', '203.0.113.7'), { code: 'AUTH_KEYS_UNAVAILABLE' });
});

t.test(
  'X-Forwarded-For counts as far as the proxies are trusted; what a client writes itself is not reached',
  async (t) => {
    const from = (remoteAddress: string, forwarded?: string) =>
      ({
        socket: { remoteAddress },
        headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
      }) as unknown as IncomingMessage;
    const ask = (setting: string, remote: string, forwarded?: string) =>
      clientAddress(from(remote, forwarded), trustedProxies(setting));
    t.equal(ask('', '203.0.113.7', '1.1.1.1'), '203.0.113.7', 'nobody is trusted');
    t.equal(ask('loopback', '203.0.113.7', '1.1.1.1'), '203.0.113.7', 'a stranger is not');
    t.equal(ask('loopback', '::ffff:127.0.0.1', '203.0.113.7'), '203.0.113.7');
    t.equal(ask('loopback', '127.0.0.1', '1.1.1.1, 203.0.113.7'), '203.0.113.7', 'a forged entry stands further left');
    t.equal(ask('1', '10.0.0.1', '1.1.1.1, 203.0.113.7'), '203.0.113.7');
    t.equal(ask('2', '10.0.0.1', '203.0.113.7, 10.0.0.9'), '203.0.113.7');
    t.equal(ask('10.0.0.0/8, loopback', '127.0.0.1', '1.1.1.1, 2001:db8::7, 10.2.3.4'), '2001:db8::7');
    t.equal(ask('uniquelocal', '10.0.0.1', '10.0.0.2'), '10.0.0.2', 'trusted all the way');
    t.equal(ask('loopback', '127.0.0.1', 'not an address'), '127.0.0.1');
    t.equal(ask('loopback', '127.0.0.1', `${'1.1.1.1,'.repeat(1_000)}2.2.2.2`), '127.0.0.1', 'too long to be honest');
    t.throws(() => trustedProxies('10.0.0.0/99'));
  },
);

t.test('clients with tokens without a subject count by their address', async (t) => {
  const claims = { role: 'anon', claims: { iss: 'supabase' } };
  t.equal(identityKey(claims, '203.0.113.7'), identityKey(undefined, '203.0.113.7'));
  t.not(identityKey(claims, '203.0.113.7'), identityKey(claims, '203.0.113.8'));
  const ada = { role: 'authenticated', claims: { sub: 'ada' } };
  t.equal(identityKey(ada, '203.0.113.7'), identityKey(ada, '203.0.113.8'));
  t.not(identityKey({ ...ada, role: 'ops' }, 'x'), identityKey(ada, 'x'));
});
