import { isIP } from 'node:net';
import { join } from 'node:path';
import type { ServiceName } from '@tidemark/contracts';
import { migrate, settleAll } from '@tidemark/db';
import type { Stack } from '@tidemark/local-stack';
import { collectGarbage } from '@tidemark/service/process';
import { consoleLink, examplesLink } from '../console-link.ts';
import { databaseNames, diagnose, linesOf } from '../doctor/doctor.ts';
import { loadCredentials } from './credentials.ts';
import { loadDemo, loadLargeDemo, schemasOfBlueprints } from './demo.ts';
import type { UpEvents } from './events.ts';
import { examplesOf } from './examples.ts';
import { keptPorts } from './kept-ports.ts';
import { leaveSlot } from './leave-slot.ts';
import { outsideOfStories } from './outside-of-stories.ts';
import { checkPorts, portOf } from './ports.ts';
import { preparePrivateHome } from './private-home.ts';
import { forgetRunningHome, writeRunningHome } from './running-home.ts';
import { startServers } from './servers.ts';
import { type ServiceProcess, STOP_ORDER, startService } from './service-process.ts';
import { serviceEntries, serviceUser } from './service-user.ts';
import { plansEnabled, type UpSettings } from './settings.ts';
import { summarise } from './summary.ts';
import { tokenRoles } from './token-roles.ts';
import { waitUntilReady } from './wait-until-ready.ts';

export interface Up {
  readonly url: string;
  readonly summary: readonly string[];
  stop(): Promise<void>;
}

interface Running {
  stack?: Stack;
  readonly services: ServiceProcess[];
  large?: { stop(): Promise<void> };
}

export async function up(settings: UpSettings, events: UpEvents): Promise<Up> {
  const running: Running = { services: [] };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll(settings, running, events).finally(() => forgetRunningHome(settings.home));
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
  running: Running,
  stop: () => Promise<void>,
): Promise<Up> {
  const { home, host, port } = settings;
  await checkPorts(host, port);
  await preparePrivateHome(home);
  const ports = await keptPorts(home, host, portNames(settings));
  const addresses = await startServers(settings, ports.of, events, running);
  await ports.save();
  const roles = tokenRoles(settings.env);
  const { secret, tokens, isNew } = await loadCredentials(home, settings.secret, roles);

  events.progress('migrating');
  await migrate(addresses.owner);
  for (const line of await ownDatabaseFindings(settings, addresses.owner)) events.progress(line);
  const hasWritten = settings.demo && (await loadDemo(settings, addresses.owner, events));
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
    JWT_ROLES: roles.accepted.join(),
    ANON_ROLE: settings.env.ANON_ROLE || roles.anon,
    ...asEnvironment(settings.files),
    // The services must not have the password of the owner.
    DATABASE_OWNER_URL: '',
    ...(await schemasOfBlueprints(settings.env, addresses.owner)),
    RUN_AS_USER: user === undefined ? 'root' : '',
  };
  const portOfInstance = (service: ServiceName, index: number) =>
    ports.of[instanceName(service, index)] ?? portOf(service, port);
  const urlOf = (service: ServiceName, index = 0) => `http://${urlHost(host)}:${portOfInstance(service, index)}`;
  const launch = async (service: ServiceName, index: number, env: NodeJS.ProcessEnv) => {
    const instance = instanceName(service, index);
    const started = await startService({
      service,
      instance,
      env: {
        ...shared,
        ...addresses.databaseOf(service),
        ...env,
        NATS_URL: addresses.nats(service),
        INSTANCE: instance,
        PORT: String(portOfInstance(service, index)),
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
  const realtimeUrls = Array.from({ length: settings.scale.realtime }, (_, index) => urlOf('realtime', index));
  const proxied = { REALTIME_URL: realtimeUrls.join(','), METRICS_URL: urlOf('metrics') };
  await settleAll([
    ...instances('gateway', { ...proxied, DB_PLAN_ENABLED: plansEnabled(settings), ...examplesOf(settings) }),
    ...instances('realtime', behindGateway),
    ...instances('batch', outsideOfStories(settings)),
    ...instances('metrics', {
      ...behindGateway,
      METRICS_ANALYZE_URL: settings.env.METRICS_ANALYZE_URL || addresses.analyzeUrl,
    }),
  ]);

  await waitUntilReady(running.services, tokens.ops, events.progress);
  const url = urlOf('gateway');
  await writeRunningHome(home, { pid: process.pid, databaseUrl: addresses.owner, url, ...addresses.consumerNats });
  if (settings.demo && !settings.databaseUrl)
    running.large = loadLargeDemo(addresses.owner, settings.demoScale, events);
  const hasExamples = settings.demo && !settings.databaseUrl;
  const metrics = urlOf('metrics');
  // With keys of another issuer (JWT_JWKS_URL), the tokens of the home are refused.
  const orWithoutCode = (page: string) => (error: Error) => {
    events.progress(error.message);
    return `${url}/${page}/`;
  };
  const links = {
    console: await consoleLink(url, tokens.ops, metrics).catch(orWithoutCode('console')),
    ...(hasExamples && { examples: await examplesLink(url, tokens, metrics).catch(orWithoutCode('examples')) }),
  };
  // This process runs for as long as the services, and needs little of what its start did.
  await collectGarbage();
  return {
    url,
    summary: summarise({ home, services: running.services, addresses, tokens, isNew, links }),
    stop,
  };
}

/** The local Postgres is as Tidemark needs it. */
async function ownDatabaseFindings({ databaseUrl, env }: UpSettings, owner: string): Promise<string[]> {
  if (!databaseUrl) return [];
  return linesOf(await diagnose({ ...databaseNames(env), url: owner, replicates: owner === databaseUrl }));
}

const instanceName = (service: ServiceName, index: number) => `${service}-${index + 1}`;

/** The first instance of each service has its port from PORT. */
function portNames({ databaseUrl, nats, scale }: UpSettings): string[] {
  const further = STOP_ORDER.flatMap((service) =>
    Array.from({ length: scale[service] - 1 }, (_, n) => instanceName(service, n + 1)),
  );
  return [...(databaseUrl ? [] : ['primary', 'replica']), ...(nats ? [] : ['nats']), ...further];
}

async function stopAll(settings: UpSettings, running: Running, events: UpEvents): Promise<void> {
  await running.large?.stop();
  for (const service of STOP_ORDER) {
    const instances = running.services.filter((started) => started.service === service);
    if (instances.length > 0) events.progress(`stopping ${service}`);
    await Promise.all(instances.map((started) => started.stop()));
  }
  const { databaseUrl: url, dropSlot: drop, env } = settings;
  if (url && running.services.length > 0) {
    const { slot } = databaseNames(env);
    // Your server may be what has failed; the rest stops in any case.
    await leaveSlot({ url, slot, drop, report: events.progress }).catch((error: Error) =>
      events.progress(`the replication slot could not be looked at: ${error.message}`),
    );
  }
  if (running.stack) {
    events.progress('stopping NATS, the replica and the primary');
    await running.stack.stop();
  }
}

const asEnvironment = (settings: object): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));

const urlHost = (host: string) => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);
