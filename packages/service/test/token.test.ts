import { SignJWT, UnsecuredJWT } from 'jose';
import t from 'tap';
import { createTokenVerifier, tokenOf } from '../src/index.ts';

const secret = 'a secret of thirty-two characters';
const verify = createTokenVerifier({ secret });
const sign = (claims: Record<string, unknown>, alg = 'HS256', key = secret) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(key.padEnd(64, ' ').slice(0, alg === 'HS256' ? key.length : 64)));
const now = Math.floor(Date.now() / 1_000);

t.test('role and claims of a valid token; the same object the second time', async (t) => {
  const token = await sign({ role: 'authenticated', sub: 'ada', exp: now + 60 });
  const first = await verify(token);
  t.match(first, { role: 'authenticated', expires: now + 60, claims: { sub: 'ada' } });
  t.same(JSON.parse(first.claimsText), first.claims);
  t.equal(await verify(token), first);
  t.equal((await verify(await sign({ sub: 'x' }))).role, 'anon', 'no role is the anonymous one');
});

t.test(
  'expired, not yet valid, of an unknown role, signed by somebody else, unsigned, of another algorithm, garbage',
  async (t) => {
    await t.rejects(verify(await sign({ role: 'authenticated', exp: now - 10 })), {
      code: 'AUTH_TOKEN_EXPIRED',
      status: 401,
    });
    await t.rejects(verify(await sign({ role: 'authenticated', nbf: now + 600 })), { code: 'AUTH_TOKEN_NOT_YET' });
    await t.rejects(verify(await sign({ role: 'postgres' })), { code: 'AUTH_ROLE_UNKNOWN', status: 403 });
    await t.rejects(verify(await sign({ role: 'authenticated' }, 'HS256', 'another secret of thirty-two char')), {
      code: 'AUTH_TOKEN_INVALID',
    });
    await t.rejects(verify(new UnsecuredJWT({ role: 'service_role' }).encode()), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify(await sign({ role: 'authenticated' }, 'HS512')), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify('a.b.c'), { code: 'AUTH_TOKEN_INVALID' });
    await t.rejects(verify('x'.repeat(20_000)), { code: 'AUTH_TOKEN_INVALID' });
  },
);

t.test('a cached token still expires', async (t) => {
  const short = createTokenVerifier({ secret });
  const token = await sign({ role: 'authenticated', exp: now + 2 });
  await short(token);
  const deadline = Date.now() + 10_000;
  for (;;) {
    const error = await short(token).then(
      () => undefined,
      (e: { code: string }) => e,
    );
    if (error) {
      t.equal(error.code, 'AUTH_TOKEN_EXPIRED');
      break;
    }
    if (Date.now() > deadline) throw new Error('it never expired');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

t.test('where the token is', async (t) => {
  t.equal(tokenOf({ authorization: 'Bearer abc' }), 'abc');
  t.equal(tokenOf({ apikey: 'k' }), 'k');
  t.equal(tokenOf({ authorization: 'bearer abc', apikey: 'k' }), 'abc');
  t.equal(tokenOf({}), undefined);
  t.throws(() => tokenOf({ authorization: 'Basic abc' }), { code: 'AUTH_TOKEN_INVALID' });
});
