/**
 * PostgREST's configuration: its environment file starts the gateway. Each setting is translated to our own name and
 * unit; those without a meaning here are named once in the log.
 */
import { readFileSync } from 'node:fs';
import { configErrors } from '@tidemark/service';

/** The same value under our name. */
const SAME: Readonly<Record<string, string>> = {
  DB_URI: 'DATABASE_URL',
  DB_SCHEMAS: 'DB_SCHEMAS',
  DB_SCHEMA: 'DB_SCHEMAS',
  DB_ANON_ROLE: 'DB_ANON_ROLE',
  DB_EXTRA_SEARCH_PATH: 'DB_EXTRA_SEARCH_PATH',
  DB_PRE_REQUEST: 'DB_PRE_REQUEST',
  DB_MAX_ROWS: 'DB_MAX_ROWS',
  DB_TX_END: 'DB_TX_END',
  DB_PLAN_ENABLED: 'DB_PLAN_ENABLED',
  DB_AGGREGATES_ENABLED: 'DB_AGGREGATES_ENABLED',
  DB_POOL: 'DB_WRITE_POOL_MAX',
  JWT_AUD: 'JWT_AUDIENCE',
  JWT_ROLE_CLAIM_KEY: 'JWT_ROLE_CLAIM_KEY',
  JWT_SECRET_IS_BASE64: 'JWT_SECRET_IS_BASE64',
  OPENAPI_MODE: 'OPENAPI_MODE',
  SERVER_PORT: 'PORT',
  SERVER_CORS_ALLOWED_ORIGINS: 'CORS_ORIGINS',
  SERVER_TIMING_ENABLED: 'SERVER_TIMING',
};

/** Seconds there, ms here. */
const SECONDS: Readonly<Record<string, string>> = {
  DB_POOL_ACQUISITION_TIMEOUT: 'DB_ACQUIRE_TIMEOUT_MS',
  DB_POOL_MAX_LIFETIME: 'DB_LIFETIME_MS',
  DB_POOL_MAX_IDLETIME: 'DB_IDLE_TIMEOUT_MS',
  DB_POOL_TIMEOUT: 'DB_IDLE_TIMEOUT_MS',
};

/** PostgREST's special values of server-host. */
const HOSTS: Readonly<Record<string, string>> = { '*': '::', '*4': '0.0.0.0', '!4': '0.0.0.0', '*6': '::', '!6': '::' };
const LEVELS: Readonly<Record<string, string>> = { crit: 'fatal' };

/**
 * PostgREST's own defaults, where ours differ, and a place for files, which it does not have. Without a role for them,
 * requests without a token are refused.
 */
const DEFAULTS: Readonly<Record<string, string>> = {
  DB_ANON_ROLE: 'none',
  DB_AGGREGATES_ENABLED: 'false',
  DB_TX_END: 'commit',
  JWT_ROLES: '*',
  PORT: '3000',
  TIDEMARK_FILES_DIR: '.tidemark/files',
};

const PREFIX = 'PGRST_';
const APP_SETTINGS = /^(?:PGRST_)?APP_SETTINGS_(.+)$/;

export interface OwnNames {
  readonly env: NodeJS.ProcessEnv;
  /** PostgREST's settings that have no meaning here. */
  readonly ignored: readonly string[];
  /** PostgREST starts without a secret, and then serves requests without a token alone. */
  readonly isPostgrest: boolean;
  /** `app.settings.<name>`, which every statement can read by current_setting. */
  readonly appSettings: Readonly<Record<string, string>>;
}

/** Throws CONFIG_INVALID where a setting has two names with different values. */
export function ownNames(given: NodeJS.ProcessEnv): OwnNames {
  const env: NodeJS.ProcessEnv = { ...given };
  const ignored: string[] = [];
  const problems: string[] = [];
  const appSettings: Record<string, string> = {};
  let isPostgrest = false;
  const take = (from: string, name: string, value: string) => {
    if (env[name] && env[name] !== value)
      problems.push(`${from} and ${name} name one setting, with two values: set one`);
    env[name] = value;
  };
  for (const [from, value] of Object.entries(given)) {
    if (!value) continue;
    const app = APP_SETTINGS.exec(from);
    if (app) appSettings[`app.settings.${(app[1] as string).toLowerCase()}`] = value;
    if (!from.startsWith(PREFIX)) continue;
    isPostgrest = true;
    if (app) continue;
    const name = from.slice(PREFIX.length);
    const translated = translate(name, value);
    if (translated.length === 0) ignored.push(from);
    for (const [own, text] of translated) take(from, own, text);
  }
  if (isPostgrest) for (const [name, value] of Object.entries(DEFAULTS)) env[name] ||= value;
  if (problems.length > 0) throw configErrors.INVALID({ problems });
  if (isPostgrest) env.JWT_DEFAULT_ROLE ||= env.DB_ANON_ROLE === DEFAULTS.DB_ANON_ROLE ? '' : env.DB_ANON_ROLE;
  return { env, ignored, isPostgrest, appSettings };
}

function translate(name: string, value: string): [name: string, value: string][] {
  const same = SAME[name];
  if (same !== undefined) return [[same, value]];
  const seconds = SECONDS[name];
  if (seconds !== undefined) return [[seconds, String(Number(value) * 1_000)]];
  if (name === 'SERVER_HOST') return [['HOST', HOSTS[value] ?? value]];
  if (name === 'LOG_LEVEL') return [['LOG_LEVEL', LEVELS[value] ?? value]];
  return name === 'JWT_SECRET' ? secretOrKeys(fileOr(value)) : [];
}

/** `@path` names a file. */
function fileOr(value: string): string {
  if (!value.startsWith('@')) return value;
  try {
    return readFileSync(value.slice(1), 'utf8').trim();
  } catch (cause) {
    throw configErrors.INVALID({ problems: [`PGRST_JWT_SECRET=${value}: ${(cause as Error).message}`] }, { cause });
  }
}

interface Jwk {
  readonly kty?: string;
  readonly k?: string;
}

/** PostgREST takes a secret, a JSON Web Key or a set of them. A symmetric key is a secret in base64url. */
function secretOrKeys(value: string): [name: string, value: string][] {
  if (!value.startsWith('{')) return [['JWT_SECRET', value]];
  let keys: readonly Jwk[];
  try {
    const parsed = JSON.parse(value) as Jwk & { keys?: Jwk[] };
    keys = parsed.keys ?? [parsed];
  } catch (cause) {
    throw configErrors.INVALID({ problems: ['PGRST_JWT_SECRET=*** is neither a secret nor JSON'] }, { cause });
  }
  const secrets = keys.filter(({ kty }) => kty === 'oct');
  const others = keys.filter(({ kty }) => kty !== 'oct');
  if (secrets.length > 1)
    throw configErrors.INVALID({ problems: ['PGRST_JWT_SECRET=*** has more than one symmetric key'] });
  return [
    ...secrets.flatMap(({ k = '' }): [string, string][] => [
      ['JWT_SECRET', k],
      ['JWT_SECRET_IS_BASE64', 'true'],
    ]),
    ...(others.length > 0 ? [['JWT_JWKS', JSON.stringify({ keys: others })] as [string, string]] : []),
  ];
}
