import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { errors } from '../errors.ts';
import { isSignedWith, signToken } from '../token.ts';
import { readOrMake, writeWhole } from './secret-file.ts';
import { type TokenRoles, tokenRoles } from './token-roles.ts';

/** With them the user belongs to a tenant of each blueprint that has tenants. */
const DEMO_CLAIMS = { organization_id: 1, fleet_role: 'manager', workspace_id: 1, corpus_role: 'owner' };

export interface Credentials {
  readonly anon: string;
  readonly user: string;
  readonly service: string;
  readonly ops: string;
}

const CREDENTIALS_FILE = 'credentials.json';
const SECRET_FILE = 'jwt-secret';
/** 256 bits, in base64. */
const SECRET_BYTES = 32;

/**
 * The credentials are kept, so that issued tokens stay valid. Your own secret (JWT_SECRET) signs them if it is set. `isNew`:
 * they have not been shown yet. Kept tokens of other roles than `roles` are replaced.
 */
export async function loadCredentials(
  home: string,
  ownSecret?: string,
  roles?: TokenRoles,
): Promise<{ secret: string; tokens: Credentials; isNew: boolean }> {
  const path = join(home, CREDENTIALS_FILE);
  const isNew = !existsSync(path);
  const secret =
    ownSecret ?? (await readOrMake(join(home, SECRET_FILE), async () => randomBytes(SECRET_BYTES).toString('base64')));
  const kept = parse(path, await readOrMake(path, () => signAll(secret, roles ?? tokenRoles({}))));
  if ((await isSignedWith(secret, kept.ops)) && (roles === undefined || hasRoles(kept, roles)))
    return { secret, tokens: kept, isNew };
  const text = await signAll(secret, roles ?? tokenRoles({}));
  await writeWhole(path, text);
  return { secret, tokens: parse(path, text), isNew: true };
}

const hasRoles = ({ anon, user }: Credentials, roles: TokenRoles): boolean =>
  decodeJwt(anon).role === roles.anon && decodeJwt(user).role === roles.user;

async function signAll(secret: string, roles: TokenRoles): Promise<string> {
  const tokens: Credentials = {
    anon: await signToken(secret, { role: roles.anon }),
    user: await signToken(secret, { role: roles.user, sub: 'demo-user', claims: DEMO_CLAIMS }),
    service: await signToken(secret, { role: 'service_role', sub: 'service' }),
    ops: await signToken(secret, { role: 'ops', sub: 'ops' }),
  };
  return `${JSON.stringify(tokens, null, 2)}\n`;
}

function parse(path: string, text: string): Credentials {
  try {
    const tokens = JSON.parse(text) as Partial<Credentials>;
    for (const name of ['anon', 'user', 'service', 'ops'] as const) {
      if (typeof tokens[name] !== 'string') throw new TypeError(`it has no "${name}"`);
    }
    return tokens as Credentials;
  } catch (cause) {
    throw errors.CREDENTIALS({ path, reason: (cause as Error).message }, { cause });
  }
}
