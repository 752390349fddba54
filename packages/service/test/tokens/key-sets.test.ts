/** Tests key sets of an issuer: rotation, failures, and attacks that confuse algorithms. */
import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { until } from '@tidemark/testing';
import { exportJWK, exportPKCS8, exportSPKI, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { createHealth, createTokenVerifier } from '../../src/index.ts';

const secret = 'a secret of thirty-two characters';
const claims = { role: 'authenticated', sub: 'ada' };

interface Signer {
  kid: string;
  alg: string;
  pair: GenerateKeyPairResult;
  jwk: Record<string, unknown>;
}

async function signer(kid: string, alg: string): Promise<Signer> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
}
const sign = (
  { kid, alg, pair }: Signer,
  header: Record<string, unknown> = {},
  content: Record<string, unknown> = claims,
) => new SignJWT(content).setProtectedHeader({ alg, kid, ...header } as never).sign(pair.privateKey);
const [a, b, c] = await Promise.all([signer('a', 'RS256'), signer('b', 'ES256'), signer('c', 'EdDSA')]);

/** An issuer whose keys and manners the test changes. */
async function issuer(t: Test, keys: Signer[]) {
  const state = { keys, status: 200, body: undefined as string | undefined, hang: false, fetches: 0 };
  const server = createServer((_request, response) => {
    state.fetches += 1;
    if (state.hang) return;
    response.writeHead(state.status, { 'content-type': 'application/json' });
    response.end(state.body ?? JSON.stringify({ keys: state.keys.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, server });
}

const old = await sign(a);

t.test('verifies RSA, EC and Ed25519 keys and the secret, and fetches the set once', async (t) => {
  const idp = await issuer(t, [a, b, c]);
  const verify = createTokenVerifier({ secret, jwksUrl: idp.url });
  const tokens = await Promise.all([a, b, c].map((key) => sign(key)));
  for (const token of tokens) t.match(await verify(token), { role: 'authenticated', claims: { sub: 'ada' } });
  const hs = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  t.match(await verify(hs), { role: 'authenticated' });
  t.match(
    await verify(await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(a.pair.privateKey)),
    claims.role ? { role: claims.role } : {},
    'no kid',
  );
  t.equal(idp.fetches, 1);
  t.match(verify.stats(), { keys: 3, cached: 5 });
});

t.test(
  'fetches an unknown key at once but not for every token, and refuses the tokens of a withdrawn key',
  async (t) => {
    const idp = await issuer(t, [a]);
    const verify = createTokenVerifier({ jwksUrl: idp.url, jwksCooldownMs: 150, jwksMaxAgeMs: 300 });
    const old = await sign(a);
    await verify(old);
    idp.keys = [b];
    // The token is refused until the new key set is fetched.
    await until(async () => (await verify(await sign(b)).catch(() => undefined))?.role === 'authenticated');
    t.equal(verify.cached(old), undefined);
    await t.rejects(verify(old), { code: 'AUTH_TOKEN_INVALID', message: /no key/ });
    const before = idp.fetches;
    const began = Date.now();
    const made = await Promise.all(Array.from({ length: 300 }, (_, i) => sign(b, { kid: `made-up-${i}` })));
    for (const token of made) await t.rejects(verify(token), { code: 'AUTH_TOKEN_INVALID' });
    t.ok(
      idp.fetches - before <= 1 + (Date.now() - began) / 150,
      `${idp.fetches - before} fetches for 300 unknown keys`,
    );
    // Nobody signs in, but health goes on asking: a withdrawn key is noticed all the same.
    const known = await sign(b);
    await verify(known);
    idp.keys = [c];
    await until(() => verify.problem() === undefined && verify.cached(known) === undefined);
  },
);

t.test('keeps using old keys with a warning while the issuer fails, and answers 503 without keys', async (t) => {
  const idp = await issuer(t, [a]);
  const verify = createTokenVerifier({ jwksUrl: idp.url, jwksCooldownMs: 20, jwksMaxAgeMs: 20, jwksTimeoutMs: 200 });
  const health = createHealth();
  health.add('tokens', () => verify.problem());
  health.warn('tokens', () => verify.warning());
  await verify(await sign(a));
  for (const [how, why] of [
    [{ status: 500 }, /answered 500/],
    [{ status: 200, body: '<html>' }, /is not JSON/],
    [{ body: JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] }) }, /symmetric/],
    [{ body: `{"keys":[${'"x",'.repeat(400_000)}"x"]}` }, /more than/],
    [{ body: undefined, hang: true }, /timeout|aborted/],
  ] as const) {
    Object.assign(idp, how);
    await until(async () => why.test((await health.warnings()).join()));
    t.match(await verify(await sign(a, {}, { ...claims, why: String(why) })), { role: 'authenticated' });
    t.same(await health.problems(), [], 'no reason to take every instance away');
  }
  Object.assign(idp, { hang: false });
  await until(async () => (await health.warnings()).length === 0);
  t.pass('and it recovers');

  idp.status = 503;
  const none = createTokenVerifier({ jwksUrl: idp.url, jwksCooldownMs: 20 });
  await t.rejects(none(await sign(a)), { code: 'AUTH_KEYS_UNAVAILABLE', status: 503, retryAfter: 5 });
  t.match(none.problem(), /answered 503/);
  idp.status = 200;
  await until(() =>
    none(old).then(
      () => true,
      () => false,
    ),
  );
  t.equal(none.problem(), undefined);
});

t.test('reads a key set from a file and from JWT_JWKS', async (t) => {
  const file = join(t.testdir({}), 'keys.json');
  await writeFile(file, JSON.stringify({ keys: [a.jwk] }));
  const inline = JSON.stringify({ keys: [b.jwk, { ...c.jwk, use: 'enc' }] });
  const verify = createTokenVerifier({ jwksUrl: file, jwks: inline, jwksCooldownMs: 10 });
  await verify(await sign(a));
  await verify(await sign(b));
  await t.rejects(verify(await sign(c)), { code: 'AUTH_TOKEN_INVALID' }, 'a key for encryption');
  await writeFile(file, JSON.stringify({ keys: [a.jwk, c.jwk] }));
  await until(() =>
    sign(c)
      .then(verify)
      .then(
        () => true,
        () => false,
      ),
  );
  t.throws(() => createTokenVerifier({ jwks: '{}' }), { code: 'CONFIG_INVALID', message: /no JSON Web Key Set/ });
  t.throws(() => createTokenVerifier({}), { code: 'CONFIG_INVALID', message: /JWT_SECRET is not set/ });
});

t.test('refuses tokens that confuse algorithms', async (t) => {
  const idp = await issuer(t, [a, b, c]);
  const both = createTokenVerifier({ secret, jwksUrl: idp.url });
  const keysOnly = createTokenVerifier({ jwksUrl: idp.url });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hs256 = (key: string | Buffer, header: Record<string, unknown> = {}) => {
    const text = `${encode({ alg: 'HS256', ...header })}.${encode({ role: 'service_role' })}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const spki = await exportSPKI(a.pair.publicKey);
  const payload = encode({ role: 'service_role' });
  const good = await sign(a);
  const [, body, signature] = good.split('.') as [string, string, string];
  const forged: Record<string, string> = {
    'HS256 with the public key as its secret': hs256(spki, { kid: 'a' }),
    'HS256 with the public key, trimmed': hs256(spki.trim()),
    'HS256 with the JWK as its secret': hs256(JSON.stringify(a.jwk), { kid: 'a' }),
    'HS256 with the modulus as its secret': hs256(Buffer.from(String(a.jwk.n), 'base64url'), { kid: 'a' }),
    'HS256 with nothing as its secret': hs256(''),
    'no signature': `${encode({ alg: 'none' })}.${payload}.`,
    'no signature, in capitals': `${encode({ alg: 'NONE' })}.${payload}.`,
    'no algorithm': `${encode({})}.${payload}.${signature}`,
    'an algorithm that is a list': `${encode({ alg: ['HS256'] })}.${payload}.x`,
    'RS256 naming an EC key': await sign(a, { kid: 'b' }),
    'PS256 with a key for RS256': await new SignJWT(claims)
      .setProtectedHeader({ alg: 'PS256', kid: 'a' })
      .sign(await (await import('jose')).importPKCS8(await exportPKCS8(a.pair.privateKey), 'PS256')),
    'ES256 over the header of RS256': `${encode({ alg: 'ES256', kid: 'b' })}.${body}.${signature}`,
    'another payload': `${good.split('.')[0]}.${payload}.${signature}`,
    'a key in the header': await sign(await signer('z', 'RS256'), { jwk: (await signer('z', 'RS256')).jwk }),
    'a key address in the header': await sign(await signer('a', 'RS256'), { jku: idp.url }),
    'a critical extension': hs256(secret, { crit: ['exp2'], exp2: 1 }),
    'a critical extension that is empty': hs256(secret, { crit: [] }),
    'unencoded payload': hs256(secret, { crit: ['b64'], b64: false }),
  };
  for (const [how, token] of Object.entries(forged)) {
    for (const verify of [both, keysOnly])
      await t.rejects(verify(token), { code: 'AUTH_TOKEN_INVALID', status: 401 }, how);
  }
  await t.rejects(keysOnly(hs256(secret)), { code: 'AUTH_TOKEN_INVALID' }, 'HS256 where there is no secret');
  await t.rejects(
    createTokenVerifier({ secret })(good),
    { code: 'AUTH_TOKEN_INVALID' },
    'RS256 where there are no keys',
  );
  t.throws(() => createTokenVerifier({ secret: spki }), { code: 'CONFIG_INVALID', message: /another kind/ });
  for (const bad of [
    { ...a.jwk, d: 'x' },
    { kty: 'oct', k: Buffer.from(secret).toString('base64url') },
  ]) {
    t.throws(() => createTokenVerifier({ jwks: JSON.stringify({ keys: [bad] }) }), { code: 'CONFIG_INVALID' });
  }
});
