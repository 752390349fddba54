import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBlueprint } from '@tidemark/blueprints';
import { migrate } from '@tidemark/db';
import { explain } from '@tidemark/service';
import { errors } from './errors.ts';
import { disableAllLive, disableLive, enableLive, listLive } from './live/live.ts';
import { natsConfig } from './nats-config.ts';
import { enableStatements } from './statements.ts';
import { signToken } from './token.ts';
import { generateTypes } from './types/generate-types.ts';
import { loadCredentials } from './up/credentials.ts';
import { readRunningHome } from './up/running-home.ts';
import { readSettings } from './up/settings.ts';
import { up } from './up/up.ts';

export interface Io {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  print(line: string): void;
  untilSignal(): Promise<string>;
}

const USAGE = `npx tidemark <command>

  up [--no-demo] [--scale <service>=<n>]…   everything, until Ctrl-C
  migrate                                   brings the database to this release's schema
  blueprint <name> [--no-demo]              loads a ready-made schema into the database
  live enable <table> [--key-only]          lets clients follow the table’s changes, and says what it costs
  live disable <table> | --all              no longer, and as it was before; both show what they would do with --dry-run
  live list                                 the tables that can be followed
  statements enable [--move]                lets the metrics service read pg_stat_statements (as a superuser)
  types [--schema <name>]…                  the TypeScript types of the database’s tables, views and functions
  nats-config                               a configuration file for a NATS server of your own, with a user for each service
  token --role <role> [--sub <subject>] [--expires-in <seconds>]
                                            signs a token with JWT_SECRET, or the secret in TIDEMARK_HOME

The database is DATABASE_OWNER_URL, else DATABASE_URL, else the one that runs in TIDEMARK_HOME (.tidemark).`;

export async function run(io: Io): Promise<number> {
  const [command = 'help', ...args] = io.args;
  switch (command) {
    case 'up':
      return runUp(io, args);
    case 'migrate': {
      const { applied } = await migrate(await databaseUrl(io));
      io.print(applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to do');
      return 0;
    }
    case 'blueprint': {
      const { values, positionals } = parse(args, { 'no-demo': { type: 'boolean' } });
      const [name = ''] = positionals;
      const loaded = await loadBlueprint(await databaseUrl(io), name, { demo: !values['no-demo'] });
      io.print(loaded ? `loaded ${name}` : `${name} is there already`);
      return 0;
    }
    case 'live':
      await runLive(io, args);
      return 0;
    case 'statements':
      await runStatements(io, args);
      return 0;
    case 'types': {
      const { values } = parse(args, { schema: { type: 'string', multiple: true } });
      const schemas = (values.schema as string[] | undefined) ?? ['public', 'tidemark'];
      io.print(await generateTypes(await databaseUrl(io), schemas));
      return 0;
    }
    case 'nats-config':
      io.print(natsConfig(io.env.NATS_PREFIX ?? '').trimEnd());
      return 0;
    case 'token':
      return runToken(io, args);
    case 'help':
    case '--help':
    case '-h':
      io.print(USAGE);
      return 0;
    default:
      throw errors.USAGE({ reason: `there is no command "${command}"` });
  }
}

async function runUp(io: Io, args: readonly string[]): Promise<number> {
  const settings = readSettings(args, io.env, io.cwd);
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1_000).toFixed(1).padStart(5)} s`;
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  // The listener is added first, so that Ctrl-C during the start also stops in order.
  const signalled = io.untilSignal();
  const events = {
    progress: (line: string) => io.print(`${seconds()}  ${line}`),
    failed: (error: Error) => fail(error),
  };
  const starting = up(settings, events);
  const first = await Promise.race([starting.then(() => 'up' as const), signalled.then(() => 'signal' as const)]);
  const running = await starting;
  if (first === 'signal') {
    await running.stop();
    return 0;
  }
  for (const line of running.summary) io.print(line);
  io.print(`ready ${running.url}`);
  const ended = await Promise.race([signalled, failure]);
  await running.stop();
  if (typeof ended === 'string') {
    io.print('stopped');
    return 0;
  }
  io.print(explain(ended));
  return 1;
}

async function runLive(io: Io, args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, {
    'key-only': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    all: { type: 'boolean' },
  });
  const [action, table, ...rest] = positionals;
  const publication = io.env.RELAY_PUBLICATION || 'tidemark';
  const options = { url: await databaseUrl(io), publication, dryRun: values['dry-run'] === true, print: io.print };
  if (action === 'list' && table === undefined) return listLive(options);
  if (action === 'disable' && table === undefined && values.all === true) return disableAllLive(options);
  if (table === undefined || rest.length > 0 || (action !== 'enable' && action !== 'disable') || values.all === true) {
    throw errors.USAGE({
      reason: `live takes enable <table>, disable <table>, disable --all or list, not "${positionals.join(' ')}"`,
    });
  }
  if (action === 'enable') return enableLive(options, table, values['key-only'] === true);
  return disableLive(options, table);
}

async function runStatements(io: Io, args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, { move: { type: 'boolean' } });
  if (positionals.length !== 1 || positionals[0] !== 'enable') {
    throw errors.USAGE({ reason: `statements takes enable, not "${positionals.join(' ')}"` });
  }
  const url = io.env.DATABASE_URL || (await databaseUrl(io));
  await enableStatements({ url, move: values.move === true, print: io.print });
}

async function runToken(io: Io, args: readonly string[]): Promise<number> {
  const { values } = parse(args, {
    role: { type: 'string' },
    sub: { type: 'string' },
    'expires-in': { type: 'string' },
  });
  if (typeof values.role !== 'string') throw errors.USAGE({ reason: 'token needs --role' });
  const expiresIn = values['expires-in'] === undefined ? undefined : Number(values['expires-in']);
  if (expiresIn !== undefined && !(Number.isInteger(expiresIn) && expiresIn > 0)) {
    throw errors.USAGE({ reason: `--expires-in ${values['expires-in']} is not a number of seconds above 0` });
  }
  const { secret } = await loadCredentials(homeFolder(io), io.env.JWT_SECRET || undefined);
  io.print(
    await signToken(secret, {
      role: values.role,
      ...(typeof values.sub === 'string' ? { sub: values.sub } : {}),
      ...(expiresIn === undefined ? {} : { expiresIn }),
    }),
  );
  return 0;
}

function parse(args: readonly string[], options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw errors.USAGE({ reason: (cause as Error).message }, { cause });
  }
}

/** Returns the database of the environment, else the one that runs in TIDEMARK_HOME. @throws CLI_USAGE when there is neither */
async function databaseUrl(io: Io): Promise<string> {
  // These commands need the role that owns the schema.
  const url = io.env.DATABASE_OWNER_URL || io.env.DATABASE_URL;
  if (url) return url;
  const home = homeFolder(io);
  const running = await readRunningHome(home);
  if (running) return running.databaseUrl;
  throw errors.USAGE({ reason: `which database? DATABASE_URL is not set, and no \`npm start\` runs in ${home}` });
}

const homeFolder = (io: Io) => resolve(io.cwd, io.env.TIDEMARK_HOME || '.tidemark');
