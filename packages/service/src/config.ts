import { redactUrl } from '@tidemark/contracts';
import envSchema from 'env-schema';
import { type Static, type TObject, type TProperties, Type } from 'typebox';
import { busConfig } from './bus-settings.ts';
import { configErrors } from './errors.ts';

export const baseConfig = {
  HOST: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'level from which lines are logged',
  }),
  INSTANCE: Type.String({
    default: '',
    maxLength: 64,
    description: 'name of this instance in telemetry; default <service>-<host>-<random>',
  }),
  RUN_AS_USER: Type.String({
    default: '',
    description:
      'started as root: the user to become before anything else; empty: it stays root and warns, root: without a warning',
  }),
  METRICS_TOKEN: Type.String({
    default: '',
    pattern: '^(\\S{16,})?$',
    description:
      'bearer token for /metrics, at least 16 characters without blanks, for a Prometheus without a JWT; empty: tokens with the role ops alone',
  }),
  INSPECT_HEAP: Type.Enum(['off', 'on'], {
    default: 'off',
    description:
      'on: a token with the role service_role may have a heap snapshot written, which has every secret and row that the process knows; a private file that is deleted after a day',
  }),
  METRICS_CACHE_MS: Type.Integer({
    default: 1_000,
    minimum: 0,
    maximum: 60_000,
    description: 'ms that one rendering of /metrics is shown to all who ask: it takes some 20 ms of the event loop',
  }),
  DATABASE_URL: Type.String({ minLength: 1, description: 'the primary: postgres://user:password@host:port/database' }),
  DATABASE_DIRECT_URL: Type.String({
    default: '',
    description:
      'Postgres itself, where DATABASE_URL leads through a pooler in transaction mode (PgBouncer): requests to the gateway use the pooler, everything else this',
  }),
  DATABASE_REPLICA_URLS: Type.String({ default: '', description: 'the replicas’ URLs, separated by commas' }),
  ...busConfig,
} satisfies TProperties;

/**
 * Returns the settings, checked by the schema. `aliases` maps other names of settings to their own names.
 * @throws CONFIG_INVALID with every problem
 */
export function loadConfig<T extends TObject>(
  schema: T,
  env: NodeJS.ProcessEnv,
  aliases: Readonly<Record<string, string>> = {},
): Readonly<Static<T>> {
  // An empty variable means "not set", as in shells and compose files.
  const set = Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]);
  const known: Record<string, string> = Object.fromEntries(set.filter(([name]) => name in schema.properties));
  const problems = resolveAliases(known, Object.fromEntries(set), aliases);
  if (problems.length > 0) throw configErrors.INVALID({ problems });
  try {
    return Object.freeze(envSchema({ schema, data: known, env: false })) as unknown as Readonly<Static<T>>;
  } catch (cause) {
    throw configErrors.INVALID({ problems: problemsOf(cause, schema, known) }, { cause });
  }
}

/** Copies the values of aliases to `known`. @returns a problem for each setting whose two names have different values */
function resolveAliases(
  known: Record<string, string>,
  env: Readonly<Record<string, string>>,
  aliases: Readonly<Record<string, string>>,
): string[] {
  const problems: string[] = [];
  const saidBy = new Map<string, string>();
  for (const [alias, name] of Object.entries(aliases)) {
    const value = env[alias];
    if (value === undefined) continue;
    if (known[name] === undefined || known[name] === value) {
      known[name] = value;
      if (!(name in env) && !saidBy.has(name)) saidBy.set(name, alias);
    } else {
      const other = saidBy.get(name) ?? name;
      problems.push(
        `${alias}=${shown(alias, value)} and ${other}=${shown(other, known[name])} name one setting: set one`,
      );
    }
  }
  return problems;
}

interface AjvError {
  instancePath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
}

function problemsOf(cause: unknown, schema: TObject, data: Record<string, unknown>): string[] {
  const ajvErrors = (cause as { errors?: AjvError[] }).errors;
  if (!Array.isArray(ajvErrors)) return [cause instanceof Error ? cause.message : String(cause)];
  const problems = new Map<string, string>();
  for (const error of ajvErrors) {
    if (error.keyword === 'required') {
      const name = String(error.params.missingProperty);
      problems.set(name, `${name} is not set${describe(schema, name)}`);
      continue;
    }
    const name = error.instancePath.slice(1);
    const choices = (schema.properties[name] as { enum?: unknown[] } | undefined)?.enum;
    const expected = choices?.length ? `must be one of ${choices.join(', ')}` : (error.message ?? 'is wrong');
    problems.set(name, `${name}=${shown(name, String(data[name]))} ${expected}${describe(schema, name)}`);
  }
  return [...problems.values()];
}

function describe(schema: TObject, name: string): string {
  const description = (schema.properties[name] as { description?: string } | undefined)?.description;
  return description ? ` (${description})` : '';
}

/** Messages contain values but no secrets. */
function shown(name: string, value: string): string {
  if (/SECRET|PASSWORD|TOKEN|KEY|HEADERS/.test(name)) return '***';
  return redactUrl(value);
}

export function commaSeparated(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
