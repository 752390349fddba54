import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { migrate } from '@tidemark/db';
import { ANY_ROLE, explain } from '@tidemark/service/process';
import { consoleLink, examplesLink } from './console-link.ts';
import { databaseNames, diagnose, doctor, linesOf } from './doctor/doctor.ts';
import { errors } from './errors.ts';
import { expose } from './expose.ts';
import type { ScheduleFlags } from './jobs/schedules.ts';
import { disableAllLive, disableLive, enableLive, listLive } from './live/live.ts';
import { natsConfig } from './nats-config.ts';
import { enableStatements } from './statements.ts';
import { readClaims, signToken } from './token.ts';
import { loadCredentials } from './up/credentials.ts';
import { readRunningHome } from './up/running-home.ts';
import { readSettings } from './up/settings.ts';
import { tokenRoles } from './up/token-roles.ts';
import { up } from './up/up.ts';
import { USAGE } from './usage.ts';

export interface Io {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  print(line: string): void;
  /** Replaces the line that it wrote before; absent where the output is no terminal. */
  redraw?: (line: string) => void;
  untilSignal(): Promise<string>;
}

/** `up` runs for as long as its services, so the modules of other commands are loaded by them alone. */
export async function run(io: Io): Promise<number> {
  const [command = 'help', ...args] = io.args;
  switch (command) {
    case 'up':
      return runUp(io, args);
    case 'migrate': {
      const { values } = parse(args, { login: { type: 'string' } });
      const url = await databaseUrl(io);
      const findings = await diagnose({ ...databaseNames(io.env), url, replicates: !ownsOnly(io) });
      for (const line of linesOf(findings.filter(({ kind }) => kind === 'problem'))) io.print(line);
      const { applied } = await migrate(url, loginOf(values.login as string | undefined, io.env));
      io.print(applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to do');
      return 0;
    }
    case 'blueprint': {
      const { values, positionals } = parse(args, {
        'no-demo': { type: 'boolean' },
        rows: { type: 'string' },
        scale: { type: 'string' },
      });
      const { runBlueprint } = await import('./blueprint/blueprint.ts');
      return runBlueprint({
        words: positionals,
        demo: values['no-demo'] !== true,
        rows: values.rows as string | undefined,
        scale: values.scale as string | undefined,
        databaseUrl: () => databaseUrl(io),
        stack: async () => ({ url: await urlOfGateway(io), secret: await tokenSecret(io) }),
        print: io.print,
        redraw: io.redraw,
      });
    }
    case 'doctor': {
      parse(args, {});
      const options = { ...databaseNames(io.env), url: await databaseUrl(io), replicates: !ownsOnly(io) };
      const problems = await doctor(options, io.print);
      return problems > 0 ? 1 : 0;
    }
    case 'expose':
      await runExpose(io, args);
      return 0;
    case 'remove': {
      const { values } = parse(args, { 'dry-run': { type: 'boolean' } });
      const { slot, publication } = databaseNames(io.env);
      const dryRun = values['dry-run'] === true;
      const { remove } = await import('./remove.ts');
      await remove({ url: await databaseUrl(io), slot, publication, dryRun, print: io.print });
      return 0;
    }
    case 'live':
      await runLive(io, args);
      return 0;
    case 'jobs': {
      const { values, positionals } = parse(args, { code: { type: 'string' } });
      const { runJobs } = await import('./jobs/run-jobs.ts');
      return runJobs({ ...io, words: positionals, code: values.code as string | undefined, home: homeFolder(io) });
    }
    case 'schedules': {
      const names = ['pattern', 'kind', 'spec', 'time-zone', 'priority', 'missed', 'overlap'];
      const { values, positionals } = parse(args, Object.fromEntries(names.map((name) => [name, { type: 'string' }])));
      const { env, print } = io;
      const { runSchedules } = await import('./jobs/schedules.ts');
      return runSchedules({ words: positionals, flags: values as ScheduleFlags, env, home: homeFolder(io), print });
    }
    case 'sink': {
      const { values, positionals } = parse(args, { tables: { type: 'string' }, metrics: { type: 'string' } });
      const given = { words: positionals, ...(values as { tables?: string; metrics?: string }) };
      const { publication } = databaseNames(io.env);
      const { runSink } = await import('./sink/sink.ts');
      return runSink({ ...io, ...given, databaseUrl: await databaseUrl(io), publication, home: homeFolder(io) });
    }
    case 'statements':
      await runStatements(io, args);
      return 0;
    case 'types': {
      const { values } = parse(args, { schema: { type: 'string', multiple: true } });
      const schemas = (values.schema as string[] | undefined) ?? ['public', 'tidemark'];
      const { generateTypes } = await import('./types/generate-types.ts');
      io.print(await generateTypes(await databaseUrl(io), schemas));
      return 0;
    }
    case 'console': {
      parse(args, {});
      const token = io.env.TIDEMARK_TOKEN || (await loadCredentials(homeFolder(io))).tokens.ops;
      io.print(await consoleLink(await urlOfGateway(io), token));
      return 0;
    }
    case 'examples': {
      parse(args, {});
      io.print(await examplesLink(await urlOfGateway(io), (await loadCredentials(homeFolder(io))).tokens));
      return 0;
    }
    case 'database':
      parse(args, {});
      io.print(await databaseUrl(io));
      return 0;
    case 'nats-config':
      io.print(natsConfig(io.env.NATS_PREFIX ?? '').trimEnd());
      return 0;
    case 'token':
      return runToken(io, args);
    case '--version':
    case '-v':
      io.print(await version());
      return 0;
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
  const { publication } = databaseNames(io.env);
  const options = { url: await databaseUrl(io), publication, dryRun: values['dry-run'] === true, print: io.print };
  if ((action === 'status' || action === 'list') && table === undefined) return listLive(options);
  if (action === 'disable' && table === undefined && values.all === true) return disableAllLive(options);
  if (table === undefined || rest.length > 0 || (action !== 'enable' && action !== 'disable') || values.all === true) {
    throw errors.USAGE({
      reason: `live takes enable <table>, disable <table>, disable --all or status, not "${positionals.join(' ')}"`,
    });
  }
  if (action === 'enable') return enableLive(options, table, values['key-only'] === true);
  return disableLive(options, table);
}

async function runExpose(io: Io, args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, {
    to: { type: 'string' },
    write: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  });
  const [table, ...rest] = positionals;
  if (table === undefined || rest.length > 0 || typeof values.to !== 'string') {
    throw errors.USAGE({ reason: 'expose takes <table> --to <role>' });
  }
  const url = await databaseUrl(io);
  const { write, 'dry-run': dryRun } = values;
  await expose({ url, table, role: values.to, write: write === true, dryRun: dryRun === true, print: io.print });
}

async function runStatements(io: Io, args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, { move: { type: 'boolean' } });
  if (positionals.length !== 1 || positionals[0] !== 'enable') {
    throw errors.USAGE({ reason: `statements takes enable, not "${positionals.join(' ')}"` });
  }
  const url = io.env.DATABASE_URL || (await databaseUrl(io));
  await enableStatements({ url, move: values.move === true, print: io.print });
}

/** The login of PostgREST's environment file is that of the gateway. */
function loginOf(given: string | boolean | undefined, { PGRST_DB_URI: uri }: NodeJS.ProcessEnv): { login?: string } {
  if (typeof given === 'string') return { login: given };
  if (!uri || !URL.canParse(uri)) return {};
  const login = decodeURIComponent(new URL(uri).username);
  return login === '' ? {} : { login };
}

async function runToken(io: Io, args: readonly string[]): Promise<number> {
  const { values } = parse(args, {
    role: { type: 'string' },
    sub: { type: 'string' },
    'expires-in': { type: 'string' },
    claim: { type: 'string', multiple: true },
  });
  if (typeof values.role !== 'string') throw errors.USAGE({ reason: 'token needs --role' });
  const expiresIn = values['expires-in'] === undefined ? undefined : Number(values['expires-in']);
  if (expiresIn !== undefined && !(Number.isInteger(expiresIn) && expiresIn > 0)) {
    throw errors.USAGE({ reason: `--expires-in ${values['expires-in']} is not a number of seconds above 0` });
  }
  const { accepted: roles } = tokenRoles(io.env);
  if (!roles.includes(values.role) && !roles.includes(ANY_ROLE)) {
    throw errors.USAGE({
      reason: `--role ${values.role}: the services accept ${roles.join(', ')} (JWT_ROLES adds others)`,
    });
  }
  io.print(
    await signToken(await tokenSecret(io), {
      role: values.role,
      ...(typeof values.sub === 'string' ? { sub: values.sub } : {}),
      ...(expiresIn === undefined ? {} : { expiresIn }),
      claims: readClaims((values.claim as string[] | undefined) ?? []),
    }),
  );
  return 0;
}

async function tokenSecret(io: Io): Promise<string> {
  const home = homeFolder(io);
  if (!io.env.JWT_SECRET && !existsSync(home)) {
    throw errors.USAGE({ reason: `there is no ${home}: run \`npm start\` once, or set TIDEMARK_HOME or JWT_SECRET` });
  }
  return io.env.JWT_SECRET || (await loadCredentials(home)).secret;
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
  const url = io.env.DATABASE_OWNER_URL || io.env.DATABASE_DIRECT_URL || io.env.DATABASE_URL;
  if (url) return url;
  const home = homeFolder(io);
  const running = await readRunningHome(home);
  if (running) return running.databaseUrl;
  throw errors.USAGE({ reason: `which database? DATABASE_URL is not set, and no \`npm start\` runs in ${home}` });
}

/** The owner of the schema need not replicate where the services have logins of their own. */
const ownsOnly = ({ env }: Io) => env.DATABASE_OWNER_URL !== undefined || env.DATABASE_URL === undefined;

const urlOfGateway = async (io: Io) => (await import('./jobs/client-of.ts')).gatewayUrl(io.env, homeFolder(io));

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const homeFolder = (io: Io) => resolve(io.cwd, io.env.TIDEMARK_HOME || '.tidemark');
