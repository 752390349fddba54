import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ServiceName } from '@tidemark/contracts';
import { type FileStoreConfig, fileStoreConfig } from '@tidemark/files';
import { type BusConfig, busConfig, commaSeparated, loadConfig } from '@tidemark/service/process';
import { Type } from 'typebox';
import { errors } from '../errors.ts';

const SERVICES: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];
/** A higher number of instances on one machine is a typing error. */
const MAX_SCALE = 16;

const environment = Type.Object({
  PORT: Type.Integer({
    default: 8080,
    minimum: 1,
    maximum: 65_532,
    description: 'port of the gateway; realtime, batch and metrics take the three after it',
  }),
  HOST: Type.String({ default: '127.0.0.1', description: 'address that the services listen on' }),
  TIDEMARK_HOME: Type.String({ default: '.tidemark', description: 'folder for data, logs and credentials' }),
  DATABASE_URL: Type.String({ default: '', description: 'your own Postgres primary; empty: a local one is started' }),
  DATABASE_DIRECT_URL: Type.String({
    default: '',
    description: 'your own Postgres primary itself, where DATABASE_URL leads through a pooler in transaction mode',
  }),
  DATABASE_REPLICA_URLS: Type.String({ default: '', description: 'your own replicas, separated by commas' }),
  DATABASE_OWNER_URL: Type.String({
    default: '',
    description:
      'your own Postgres primary, as the role that owns the schema `tidemark` and migrates; empty: DATABASE_URL',
  }),
  RUN_AS_USER: Type.String({
    default: '',
    description: 'started as root: the user that the services run as; empty: tidemark or nobody, root: they stay root',
  }),
  ...busConfig,
  NATS_URL: Type.String({
    default: '',
    description: 'your own NATS, as nats://user:password@host:port; empty: a local one is started',
  }),
  JWT_SECRET: Type.String({
    default: '',
    description: 'secret that signs tokens; empty: one is made, and kept in the home folder',
  }),
  DEMO_SCALE: Type.Number({
    default: 1,
    minimum: 0,
    maximum: 1,
    description: 'share of the large demo tables that is loaded beside the services, from 0 to 1',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
});

const fileEnvironment = Type.Object(fileStoreConfig);

export interface UpSettings {
  readonly port: number;
  readonly host: string;
  readonly home: string;
  /** Postgres itself. */
  readonly databaseUrl: string | null;
  /** The pooler in front of it. */
  readonly pooledUrl: string | null;
  /** The services do not get this URL. */
  readonly ownerUrl: string | null;
  readonly replicaUrls: readonly string[];
  /** Your own NATS, with its credentials; null: a local one, with a user for each service. */
  readonly nats: BusConfig | null;
  readonly natsPrefix: string;
  /** A folder below `home`, unless another or a bucket is named. */
  readonly files: FileStoreConfig;
  /** Undefined: a secret is made and kept in `home`. */
  readonly secret: string | undefined;
  /** The services get it, too, so that each of their settings can be given to this command. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly logLevel: string;
  readonly runAsUser: string;
  readonly demo: boolean;
  /** The share of the large demo tables, from 0 to 1. */
  readonly demoScale: number;
  /** Drops the replication slot of your own Postgres at the end. */
  readonly dropSlot: boolean;
  readonly scale: Readonly<Record<ServiceName, number>>;
}

export function readSettings(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): UpSettings {
  const config = loadConfig(environment, env);
  const { values } = parse(args);
  const home = resolve(cwd, config.TIDEMARK_HOME);
  return Object.freeze({
    port: config.PORT,
    host: config.HOST,
    home,
    databaseUrl: config.DATABASE_DIRECT_URL || config.DATABASE_URL || null,
    pooledUrl: (config.DATABASE_DIRECT_URL && config.DATABASE_URL) || null,
    ownerUrl: config.DATABASE_OWNER_URL || config.DATABASE_DIRECT_URL || config.DATABASE_URL || null,
    replicaUrls: commaSeparated(config.DATABASE_REPLICA_URLS),
    nats: ownNats(config),
    natsPrefix: config.NATS_PREFIX,
    files: loadConfig(fileEnvironment, {
      ...env,
      TIDEMARK_FILES_DIR: resolve(cwd, env.TIDEMARK_FILES_DIR || join(home, 'files')),
    }),
    secret: config.JWT_SECRET || undefined,
    env,
    logLevel: config.LOG_LEVEL,
    runAsUser: config.RUN_AS_USER,
    demo: !values['no-demo'],
    demoScale: config.DEMO_SCALE,
    dropSlot: values['drop-slot'] === true,
    scale: readScale(values.scale ?? []),
  });
}

const OWN_NATS = (Object.keys(busConfig) as (keyof BusConfig)[]).filter((name) =>
  /USER|PASSWORD|TOKEN|_FILE|INBOX/.test(name),
);

function ownNats(config: BusConfig): BusConfig | null {
  if (config.NATS_URL) return config;
  const set = OWN_NATS.filter((name) => config[name] !== '');
  if (set.length === 0) return null;
  throw errors.USAGE({ reason: `${set.join(', ')} is set without NATS_URL: which NATS server is meant?` });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'no-demo': { type: 'boolean' },
        'drop-slot': { type: 'boolean' },
        scale: { type: 'string', multiple: true },
      },
      strict: true,
    });
  } catch (cause) {
    throw errors.USAGE({ reason: (cause as Error).message }, { cause });
  }
}

function readScale(entries: readonly string[]): Record<ServiceName, number> {
  const scale: Record<ServiceName, number> = { gateway: 1, realtime: 1, batch: 1, metrics: 1 };
  for (const entry of entries) {
    const [name, count, ...rest] = entry.split('=');
    const instances = Number(count);
    const valid = SERVICES.includes(name as ServiceName) && rest.length === 0 && Number.isInteger(instances);
    if (!valid || instances < 1 || instances > MAX_SCALE) {
      throw errors.USAGE({
        reason: `--scale ${entry} is not <service>=<1 to ${MAX_SCALE}>, with a service of ${SERVICES.join(', ')}`,
      });
    }
    scale[name as ServiceName] = instances;
  }
  return scale;
}

/** Returns DB_PLAN_ENABLED of the gateway if it is set; otherwise plans are enabled for the local demo database only. */
export function plansEnabled({ env, databaseUrl }: Pick<UpSettings, 'env' | 'databaseUrl'>): string {
  return env.DB_PLAN_ENABLED || String(!databaseUrl);
}
