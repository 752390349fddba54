import { parseServers } from '@tidemark/bus';
import type { ServiceName } from '@tidemark/contracts';
import { checkServer } from '@tidemark/db';
import { type Stack, startStack } from '@tidemark/local-stack';
import { errors } from '../errors.ts';
import { checkNats } from './check-nats.ts';
import type { UpEvents } from './events.ts';
import { type LocalRoles, prepareLocalRoles } from './local-roles.ts';
import type { UpSettings } from './settings.ts';

export interface Addresses {
  /** Whether this command has started Postgres, and so made its passwords. */
  isLocal: boolean;
  owner: string;
  replicas: readonly string[];
  databaseOf(service: ServiceName): { DATABASE_URL: string; DATABASE_REPLICA_URLS: string };
  /** The URL of the login that explains statements; empty with your own Postgres, for which METRICS_ANALYZE_URL names it. */
  analyzeUrl: string;
  nats: (service: ServiceName) => string;
  /** With the user that only reads changes; absent with a NATS of your own. */
  consumerNats: { consumerNatsUrl?: string };
  /** The address without user and password. */
  natsShown: string;
}

/** Checks your own servers, and starts those that you have not named. */
export async function startServers(
  settings: UpSettings,
  ports: Readonly<Record<string, number>>,
  events: UpEvents,
  running: { stack?: Stack },
): Promise<Addresses> {
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
      ports,
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
    consumerNats: nats ? {} : { consumerNatsUrl: (stack as Stack).nats.urlOf('consumer') },
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
): Promise<Omit<Addresses, 'nats' | 'consumerNats' | 'natsShown'>> {
  const { databaseUrl, pooledUrl, ownerUrl, replicaUrls, home } = settings;
  if (databaseUrl) {
    const own = { DATABASE_URL: pooledUrl ?? databaseUrl, DATABASE_REPLICA_URLS: replicaUrls.join(',') };
    return {
      isLocal: false,
      owner: ownerUrl ?? databaseUrl,
      replicas: replicaUrls,
      databaseOf: () => own,
      analyzeUrl: '',
    };
  }
  const { primary, replicas } = stack as Stack;
  const roles: LocalRoles = await prepareLocalRoles(primary.url, home);
  return {
    isLocal: true,
    owner: roles.owner(primary.url),
    analyzeUrl: roles.analyzer(primary.url),
    replicas: replicas.map(({ url }) => roles.owner(url)),
    databaseOf: (service) => ({
      DATABASE_URL: roles.service(service, primary.url),
      DATABASE_REPLICA_URLS: replicas.map(({ url }) => roles.service(service, url)).join(','),
    }),
  };
}
