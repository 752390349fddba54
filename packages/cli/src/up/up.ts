import { isIP } from 'node:net';
import { join } from 'node:path';
import { loadBlueprint, loadDemoImages } from '@tidemark/blueprints';
import { parseServers } from '@tidemark/bus';
import type { ServiceName } from '@tidemark/contracts';
import { checkServer, migrate, openDatabase, settleAll } from '@tidemark/db';
import { type FileStoreConfig, fileStoreOptions, openFileStore } from '@tidemark/files';
import { type Stack, startStack } from '@tidemark/local-stack';
import { errors } from '../errors.ts';
import { checkNats } from './check-nats.ts';
import { loadCredentials } from './credentials.ts';
import { type LocalRoles, prepareLocalRoles } from './local-roles.ts';
import { checkPorts, portOf } from './ports.ts';
import { preparePrivateHome } from './private-home.ts';
import { forgetRunningHome, writeRunningHome } from './running-home.ts';
import { type ServiceProcess, startService } from './service-process.ts';
import { serviceEntries, serviceUser } from './service-user.ts';
import { plansEnabled, type UpSettings } from './settings.ts';

export interface Up {
  readonly url: string;
  readonly summary: readonly string[];
  stop(): Promise<void>;
}

export interface UpEvents {
  progress(line: string): void;
  /** A required process has ended for good; the caller should stop the rest. */
  failed(error: Error): void;
}

/** Services that take in work stop first. */
const STOP_ORDER: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];

export async function up(settings: UpSettings, events: UpEvents): Promise<Up> {
  const running: { stack?: Stack; services: ServiceProcess[] } = { services: [] };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll(running, events).finally(() => forgetRunningHome(settings.home));
    return stopped;
  };
  try {
    return await startAll(settings, events, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(
  settings: UpSettings,
  events: UpEvents,
  running: { stack?: Stack; services: ServiceProcess[] },
  stop: () => Promise<void>,
): Promise<Up> {
  const { home, host, port } = settings;
  await checkPorts(host, port);
  await preparePrivateHome(home);
  const addresses = await data(settings, events, running);
  const { secret, tokens } = await loadCredentials(home, settings.secret);

  events.progress('migrating');
  await migrate(addresses.owner);
  const hasWritten = settings.demo && (await loadDemo(addresses.owner, settings.files, events));
  const user = await serviceUser({
    wanted: settings.runAsUser,
    hasWritten,
    port,
    entries: serviceEntries(STOP_ORDER),
    filesFolder: settings.files.FILES_S3_BUCKET === '' ? settings.files.TIDEMARK_FILES_DIR : undefined,
    report: events.progress,
  });

  events.progress('starting the services');
  const shared: NodeJS.ProcessEnv = {
    // Fewer malloc arenas: native memory of sharp peaks at two thirds (measured).
    MALLOC_ARENA_MAX: '2',
    ...settings.env,
    NODE_ENV: 'production',
    HOST: host,
    LOG_LEVEL: settings.logLevel,
    JWT_SECRET: secret,
    ...asEnvironment(settings.files),
    // The services must not have the password of the owner.
    DATABASE_OWNER_URL: '',
    RUN_AS_USER: user === undefined ? 'root' : '',
  };
  const base = (service: ServiceName) => `http://${urlHost(host)}:${portOf(service, port)}`;
  const launch = async (service: ServiceName, index: number, env: NodeJS.ProcessEnv) => {
    const instance = `${service}-${index + 1}`;
    const started = await startService({
      service,
      instance,
      env: {
        ...shared,
        ...addresses.databaseOf(service),
        ...env,
        NATS_URL: addresses.nats(service),
        INSTANCE: instance,
        PORT: String(index === 0 ? portOf(service, port) : 0),
      },
      logFile: join(home, 'logs', `${instance}.log`),
      user,
      report: events.progress,
      onGivenUp: events.failed,
    });
    running.services.push(started);
    return started;
  };
  const instances = (service: ServiceName, env: NodeJS.ProcessEnv = {}) =>
    Array.from({ length: settings.scale[service] }, (_, index) => launch(service, index, env));
  // The gateway runs on this machine, and its header names the client.
  const behindGateway = { TRUST_PROXY: isIP(urlHost(host)) === 0 ? 'loopback' : `loopback,${urlHost(host)}` };
  const behind = await settleAll([
    ...instances('realtime', behindGateway),
    ...instances('batch'),
    ...instances('metrics', behindGateway),
  ]);
  const realtimeUrls = behind.filter((started) => started.service === 'realtime').map((started) => started.url());
  const proxied = { REALTIME_URL: realtimeUrls.join(','), METRICS_URL: base('metrics') };
  await settleAll(instances('gateway', { ...proxied, DB_PLAN_ENABLED: plansEnabled(settings) }));

  const url = base('gateway');
  await writeRunningHome(home, { pid: process.pid, databaseUrl: addresses.owner });
  return { url, summary: summarise(settings, url, running.services, addresses, tokens), stop };
}

interface Addresses {
  owner: string;
  replicas: readonly string[];
  databaseOf(service: ServiceName): { DATABASE_URL: string; DATABASE_REPLICA_URLS: string };
  nats: (service: ServiceName) => string;
  /** The address without user and password. */
  natsShown: string;
}

async function data(settings: UpSettings, events: UpEvents, running: { stack?: Stack }): Promise<Addresses> {
  const { databaseUrl, nats } = settings;
  if (databaseUrl) {
    events.progress('checking your Postgres');
    await checkServer(databaseUrl);
    if (settings.ownerUrl && settings.ownerUrl !== databaseUrl)
      await checkServer(settings.ownerUrl, { replicates: false });
  }
  if (nats) await checkNats(nats);
  if (!databaseUrl || !nats) {
    events.progress(
      `starting ${[!databaseUrl && 'Postgres with a replica', !nats && 'NATS'].filter(Boolean).join(' and ')}`,
    );
    running.stack = await startStack({
      home: settings.home,
      postgres: !databaseUrl,
      replica: !databaseUrl,
      nats: !nats,
      natsPrefix: settings.natsPrefix,
      restart: true,
      onProgress: events.progress,
      onExit: (exit) => events.failed(errors.SERVER_ENDED(exit)),
    });
  }
  const { stack } = running;
  return {
    ...(await databases(settings, stack)),
    nats: (service) => nats?.NATS_URL ?? (stack as Stack).nats.urlOf(service),
    natsShown: nats ? shownServers(nats.NATS_URL) : (stack as Stack).nats.address,
  };
}

function shownServers(url: string): string {
  const { addresses, tls } = parseServers(url);
  return addresses.map((address) => `${tls ? 'tls' : 'nats'}://${address}`).join(',');
}

async function databases(
  settings: UpSettings,
  stack: Stack | undefined,
): Promise<Omit<Addresses, 'nats' | 'natsShown'>> {
  const { databaseUrl, ownerUrl, replicaUrls, home } = settings;
  if (databaseUrl) {
    const own = { DATABASE_URL: databaseUrl, DATABASE_REPLICA_URLS: replicaUrls.join(',') };
    return { owner: ownerUrl ?? databaseUrl, replicas: replicaUrls, databaseOf: () => own };
  }
  const { primary, replicas } = stack as Stack;
  const roles: LocalRoles = await prepareLocalRoles(primary.url, home);
  return {
    owner: roles.owner(primary.url),
    replicas: replicas.map(({ url }) => roles.owner(url)),
    databaseOf: (service) => ({
      DATABASE_URL: roles.service(service, primary.url),
      DATABASE_REPLICA_URLS: replicas.map(({ url }) => roles.service(service, url)).join(','),
    }),
  };
}

async function loadDemo(primaryUrl: string, files: FileStoreConfig, events: UpEvents): Promise<boolean> {
  if (await loadBlueprint(primaryUrl, 'matches')) events.progress('loaded the matches blueprint with demo data');
  const db = await openDatabase({ primaryUrl, applicationName: 'tidemark up' });
  const store = await openFileStore(fileStoreOptions(files));
  try {
    const made = await loadDemoImages(db, store);
    if (made > 0) events.progress(`made ${made} demo images`);
    return made > 0;
  } finally {
    store.close();
    await db.close();
  }
}

async function stopAll(running: { stack?: Stack; services: ServiceProcess[] }, events: UpEvents): Promise<void> {
  for (const service of STOP_ORDER) {
    const instances = running.services.filter((started) => started.service === service);
    if (instances.length > 0) events.progress(`stopping ${service}`);
    await Promise.all(instances.map((started) => started.stop()));
  }
  if (running.stack) {
    events.progress('stopping NATS, the replica and the primary');
    await running.stack.stop();
  }
}

const asEnvironment = (settings: object): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));

const urlHost = (host: string) => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);

function summarise(
  settings: UpSettings,
  url: string,
  services: readonly ServiceProcess[],
  addresses: Addresses,
  tokens: Readonly<Record<'anon' | 'user' | 'service' | 'ops', string>>,
): string[] {
  const rows = [...services]
    .sort(
      (a, b) => STOP_ORDER.indexOf(a.service) - STOP_ORDER.indexOf(b.service) || a.instance.localeCompare(b.instance),
    )
    .map((started) => `  ${started.instance.padEnd(12)} ${started.url()}`);
  return [
    '',
    ...rows,
    `  ${'postgres'.padEnd(12)} ${addresses.owner}`,
    ...addresses.replicas.map((replica) => `  ${'replica'.padEnd(12)} ${replica}`),
    `  ${'nats'.padEnd(12)} ${addresses.natsShown}`,
    `  ${'logs'.padEnd(12)} ${join(settings.home, 'logs')}`,
    '',
    `tokens (also in ${join(settings.home, 'credentials.json')}):`,
    ...Object.entries(tokens).map(([name, token]) => `  ${name.padEnd(8)} ${token}`),
    '',
    `console ${url}/console/#token=${tokens.ops}`,
    '',
  ];
}
