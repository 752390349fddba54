import { until } from '@tidemark/testing';
import { CompactSign, SignJWT, UnsecuredJWT } from 'jose';
import t from 'tap';
import { createTokenVerifier, lastingClaims, tokenOf } from '../../src/index.ts';

const secret = 'a secret of thirty-two characters';
const verify = createTokenVerifier({ secret });
const sign = (claims: Record<string, unknown>, alg = 'HS256', key = secret) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(key.padEnd(64, ' ').slice(0, alg === 'HS256' ? key.length : 64)));
const now = Math.floor(Date.now() / 1_000);

t.test('returns role and claims of a valid token, and the same object from the cache', async (t) => {
  const token = await sign({ role: 'authenticated', sub: 'ada', exp: now + 60 });
  const first = await verify(token);
  t.match(first, { role: 'authenticated', expires: now + 60, claims: { sub: 'ada' } });
  t.same(JSON.parse(first.claimsText), first.claims);
  t.equal(await verify(token), first);
  t.equal(verify.cached(token), first);
  const lenient = createTokenVerifier({ secret, defaultRole: 'anon' });
  t.equal((await lenient(await sign({ sub: 'x' }))).role, 'anon', 'JWT_DEFAULT_ROLE');
});

t.test('the text of the claims keeps the digits of its numbers', async (t) => {
  const claims = '{"role":"authenticated","org":9007199254740993,"app":{"orgs":[1.10,1e400]}}';
  const token = await new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
  t.equal((await verify(token)).claimsText, claims);
});

t.test('claims that last are those of every token of the bearer, with their digits', (t) => {
  const first = lastingClaims('{"sub":"ada","org":9007199254740993,"iat":1,"exp":2,"jti":"a"}');
  t.equal(first, '{"org":9007199254740993,"sub":"ada"}');
  t.equal(lastingClaims('{ "iat": 5, "org": 9007199254740993, "sub": "ada" }'), first);
  t.not(lastingClaims('{"sub":"ada","org":9007199254740992}'), first);
  t.end();
});

t.test(
  'refuses tokens that are expired, not yet valid, of an unknown role, wrongly signed, unsigned, of another algorithm, or garbage',
  async (t) => {
    await t.rejects(verify(await sign({ role: 'authenticated', exp: now - 10 })), {
      code: 'AUTH_TOKEN_EXPIRED',
      status: 401,
    });
    await t.rejects(verify(await sign({ role: 'authenticated', nbf: now + 600 })), { code: 'AUTH_TOKEN_NOT_YET' });
    await t.rejects(verify(await sign({ role: 'postgres' })), {
      code: 'AUTH_ROLE_UNKNOWN',
      status: 403,
      hint: /anon, authenticated, service_role, ops/,
    });
    await t.rejects(verify(await sign({ role: ['anon'] })), { code: 'AUTH_ROLE_UNKNOWN' });
    await t.rejects(verify(await sign({ sub: 'x' })), {
      code: 'AUTH_ROLE_MISSING',
      status: 401,
      hint: /JWT_DEFAULT_ROLE/,
    });
    await t.rejects(verify(await sign({ role: 'authenticated' }, 'HS256', 'another secret of thirty-two char')), {
      code: 'AUTH_TOKEN_INVALID',
    });
    await t.rejects(verify(new UnsecuredJWT({ role: 'service_role' }).encode()), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify(await sign({ role: 'authenticated' }, 'HS512')), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify('a.b.c'), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify('x'.repeat(20_000)), { code: 'AUTH_TOKEN_INVALID' });
  },
);

t.test('a cached token expires', async (t) => {
  const short = createTokenVerifier({ secret });
  const token = await sign({ role: 'authenticated', exp: now + 2 });
  await short(token);
  const refused = () =>
    short(token).then(
      () => undefined,
      (error: { code: string }) => error,
    );
  t.equal((await until(refused, 'the token expires')).code, 'AUTH_TOKEN_EXPIRED');
});

t.test('the tolerated clock difference extends exp and nbf, also in the cache', async (t) => {
  const skewed = createTokenVerifier({ secret, clockSkewS: 60 });
  const late = await sign({ role: 'anon', exp: now - 10 });
  t.match(await skewed(late), { expires: now + 50 });
  t.ok(skewed.cached(late));
  await skewed(await sign({ role: 'anon', nbf: now + 10 }));
  await t.rejects(skewed(await sign({ role: 'anon', exp: now - 100 })), { code: 'AUTH_TOKEN_EXPIRED' });
});

t.test('checks audience and issuer', async (t) => {
  const strict = createTokenVerifier({ secret, audience: ['tidemark', 'other'], issuer: 'https://idp' });
  await strict(await sign({ role: 'anon', aud: ['x', 'tidemark'], iss: 'https://idp' }));
  for (const claims of [
    { iss: 'https://idp' },
    { aud: 'x', iss: 'https://idp' },
    { aud: 'other', iss: 'https://evil' },
  ]) {
    await t.rejects(strict(await sign({ role: 'service_role', ...claims })), { code: 'AUTH_TOKEN_CLAIM' });
  }
});

t.test('the role is where the path of the setting leads', async (t) => {
  const roleOf = async (roleClaim: string, claims: Record<string, unknown>) =>
    (await createTokenVerifier({ secret, roleClaim })(await sign(claims))).role;
  t.equal(await roleOf('.app.roles[1]', { app: { roles: ['x', 'anon'] } }), 'anon');
  t.equal(await roleOf('."https://x/role"', { 'https://x/role': 'ops' }), 'ops');
  t.equal(await roleOf('.roles[?(@ ^== "auth")]', { roles: ['x', 'authenticated'] }), 'authenticated');
  await t.rejects(roleOf('.app.role', { role: 'anon' }), { code: 'AUTH_ROLE_MISSING' }, 'no other claim counts');
  t.throws(() => createTokenVerifier({ secret, roleClaim: 'role' }), { code: 'CONFIG_INVALID' });
});

t.test('a secret in base64 is its bytes; * admits every role', async (t) => {
  const encoded = Buffer.from(secret).toString('base64url');
  const verifier = createTokenVerifier({ secret: encoded, secretIsBase64: true, roles: ['*'] });
  t.equal((await verifier(await sign({ role: 'anybody' }))).role, 'anybody');
  t.throws(() => createTokenVerifier({ secret: 'AAAA', secretIsBase64: true }), { code: 'CONFIG_INVALID' });
});

t.test('the cache is bounded in tokens and in characters', async (t) => {
  const fresh = createTokenVerifier({ secret });
  const long = 'x'.repeat(8_000);
  for (let i = 0; i < 1_300; i += 1) await fresh(await sign({ role: 'anon', i, long }));
  const { cached, cachedCharacters } = fresh.stats();
  t.ok(cached < 1_000 && cached > 500, `${cached} kept`);
  t.ok(cachedCharacters <= 16 * 1024 ** 2);
});

t.test('reads the token from Authorization or apikey', async (t) => {
  t.equal(tokenOf({ authorization: 'Bearer abc' }), 'abc');
  t.equal(tokenOf({ apikey: 'k' }), 'k');
  t.equal(tokenOf({ authorization: 'bearer abc', apikey: 'k' }), 'abc');
  t.equal(tokenOf({}), undefined);
  t.throws(() => tokenOf({ authorization: 'Basic abc' }), { code: 'AUTH_TOKEN_INVALID' });
});
