/** The tokens of `up` name roles that the services accept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenVerifier } from '@tidemark/service';
import { decodeJwt } from 'jose';
import t from 'tap';
import { loadCredentials } from '../src/up/credentials.ts';
import { tokenRoles } from '../src/up/token-roles.ts';

t.test('makes tokens for the roles in JWT_ROLES and DB_ANON_ROLE', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-roles-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  await loadCredentials(home);
  const roles = tokenRoles({ JWT_ROLES: 'member,editor', DB_ANON_ROLE: 'visitor' });
  const { secret, tokens } = await loadCredentials(home, undefined, roles);
  t.same([decodeJwt(tokens.anon).role, decodeJwt(tokens.user).role], ['visitor', 'member']);
  const verify = createTokenVerifier({ secret, roles: roles.accepted });
  for (const token of Object.values(tokens)) await verify(token);
  const again = await loadCredentials(home);
  t.same(again.tokens, tokens, 'another command does not replace them');
  t.same(tokenRoles({}).accepted.toSorted(), ['anon', 'authenticated', 'ops', 'service_role']);
});
