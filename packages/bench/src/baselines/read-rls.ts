/**
 * As commonly written: a transaction sets role and claims. Verified tokens are cached, as in the gateway, so that
 * signature checks are not compared.
 */
import { type JWTPayload, jwtVerify } from 'jose';
import { serve } from './serve.ts';

const MAX_TOKENS = 1_000;
const key = new TextEncoder().encode(process.env.JWT_SECRET);
const verified = new Map<string, JWTPayload>();

async function claimsOf(token: string): Promise<JWTPayload> {
  const known = verified.get(token);
  if (known) return known;
  const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'] });
  if (verified.size >= MAX_TOKENS) verified.clear();
  verified.set(token, payload);
  return payload;
}

await serve('read-rls', (app, sql) => {
  app.get<{ Params: { id: string } }>('/notes/:id', async (request) => {
    const claims = await claimsOf((request.headers.authorization ?? '').slice('Bearer '.length));
    return sql.begin(async (tx) => {
      await tx`select set_config('role', ${String(claims.role)}, true),
        set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
      return tx`select id, owner, body from notes where id = ${request.params.id}`;
    });
  });
});
