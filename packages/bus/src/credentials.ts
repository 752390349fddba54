/** The credentials of a service for NATS: one kind, or none. Two kinds at once are refused, because a ranking would hide a mistake. */
import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import { errors } from './errors.ts';
import type { Servers } from './servers.ts';

export interface CredentialOptions {
  user?: string;
  password?: string;
  token?: string;
  /** A file with a user's JWT and seed, as `nsc` writes it. */
  credsFile?: string;
  /** A file with a user's nkey seed (`SU…`). */
  nkeySeedFile?: string;
}

/** @throws BUS_INVALID_OPTIONS; its text contains no secret */
export function authenticator(options: CredentialOptions, servers: Servers): Authenticator | undefined {
  const { user, password, token, credsFile, nkeySeedFile } = options;
  const ways = [
    servers.credentials && 'the user in NATS_URL',
    (user || password) && 'NATS_USER and NATS_PASSWORD',
    token && 'NATS_TOKEN',
    credsFile && 'NATS_CREDS_FILE',
    nkeySeedFile && 'NATS_NKEY_SEED_FILE',
  ].filter(Boolean);
  if (ways.length > 1) {
    throw errors.INVALID_OPTIONS({
      problem: `NATS has ${ways.length} credentials where one is expected: ${ways.join('; ')}`,
      remedy: 'Keep one of them, and remove the others.',
    });
  }
  if (user && !password) throw incomplete('NATS_USER', 'NATS_PASSWORD');
  if (password && !user) throw incomplete('NATS_PASSWORD', 'NATS_USER');
  if (servers.credentials) {
    if ('token' in servers.credentials) return tokenAuthenticator(servers.credentials.token);
    return usernamePasswordAuthenticator(servers.credentials.user, servers.credentials.password);
  }
  if (user) return usernamePasswordAuthenticator(user, password);
  if (token) return tokenAuthenticator(token);
  if (credsFile) return fromFile('NATS_CREDS_FILE', credsFile, credsAuthenticator);
  if (nkeySeedFile) return fromFile('NATS_NKEY_SEED_FILE', nkeySeedFile, nkeyAuthenticator);
  return undefined;
}

function incomplete(present: string, missing: string) {
  return errors.INVALID_OPTIONS({
    problem: `${present} is set, and ${missing} is not`,
    remedy: `Set ${missing} as well, or remove ${present}.`,
  });
}

/** Reads the file anew at each connection. An exception would close it for good, so the last content is kept. */
function fromFile(setting: string, path: string, make: (content: () => Uint8Array) => Authenticator): Authenticator {
  let content = readSecret(setting, path);
  const answer = make(() => content);
  try {
    answer('nonce');
  } catch {
    throw errors.INVALID_OPTIONS({
      problem: `${setting}=${path} is not a valid credentials file`,
      remedy: 'Create the file again (nsc generate creds, or nk -gen user), readable by this user.',
    });
  }
  return (nonce) => {
    const before = content;
    try {
      content = readSecret(setting, path);
      return answer(nonce);
    } catch {
      content = before;
      return answer(nonce);
    }
  };
}

/** The trailing line break is not part of an nkey seed. */
function readSecret(setting: string, path: string): Uint8Array {
  try {
    const text = readFileSync(path, 'utf8');
    return Buffer.from(setting === 'NATS_NKEY_SEED_FILE' ? text.trim() : text);
  } catch (cause) {
    throw errors.INVALID_OPTIONS(
      {
        problem: `${setting}=${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
        remedy: 'Name a file that this user may read.',
      },
      { cause },
    );
  }
}
