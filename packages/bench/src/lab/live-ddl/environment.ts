import { readFile } from 'node:fs/promises';
import { migrate } from '@tidemark/db';
import type { Stack } from '@tidemark/local-stack';
import { TestStack } from '@tidemark/testing';
import postgres from 'postgres';
import { activeInstance, type Instance, liveInstance } from '../live-faults/instance.ts';
import type { Random } from './random.ts';
import { firstSchema, ROLES } from './schema.ts';
import { RESET_ROLES, setupSql } from './setup-sql.ts';

/** RIGHTS_CHECK_MS: changes that nothing announces take effect within this time. */
export const RIGHTS_MS = 500;
/** The same for rows of other tables that policies read; those of unpublished tables take a second longer. */
const MEMBERSHIP_MS = 300;
/** DEFINITIONS_CHECK_MS */
export const DEFINITIONS_MS = 300;
const TRIGGER = new URL('../../../../../infra/postgres/ddl.sql', import.meta.url);
const TEMPLATE = `live-ddl-${process.pid}-${Date.now()}`;

export interface Environment {
  readonly url: string;
  readonly instances: readonly Instance[];
  pauseReplica(isPaused: boolean): Promise<void>;
  restartRelay(random: Random): Promise<void>;
  killAll(): Promise<() => Promise<void>>;
  /** Stops the primary in `immediate` or `fast` mode, and starts it again. */
  restartPrimary(random: Random): Promise<void>;
  close(): Promise<void>;
}

/** The relay learns of changed definitions by the event trigger, else by its own check. */
export async function openEnvironment(stack: Stack, hasEventTrigger: boolean): Promise<Environment> {
  const [replica] = stack.replicas;
  const servers = new TestStack({
    primaryUrl: stack.primary.url,
    replicaUrl: replica!.url,
    natsUrl: stack.nats.url,
  });
  await servers.template(TEMPLATE, async (url) => {
    await migrate(url);
    await execute(url, setupSql(firstSchema()));
  });
  const database = await servers.database({ template: TEMPLATE });
  await execute(database.primaryUrl, RESET_ROLES);
  if (hasEventTrigger) await execute(database.primaryUrl, await readFile(TRIGGER, 'utf8'));
  const env = {
    DATABASE_URL: database.primaryUrl,
    DATABASE_REPLICA_URLS: database.replicaUrl,
    NATS_URL: stack.nats.url,
    NATS_PREFIX: servers.natsPrefix(),
    RELAY_SLOT: `tidemark_${database.name}`,
    JWT_ROLES: ROLES.join(),
    RIGHTS_CHECK_MS: String(RIGHTS_MS),
    LIVE_MEMBERSHIP_MS: String(MEMBERSHIP_MS),
    DEFINITIONS_CHECK_MS: String(DEFINITIONS_MS),
    DRAIN_MS: '100',
  };
  const instances = [liveInstance('a', env), liveInstance('b', env)];
  await Promise.all(instances.map((one) => one.start()));
  return {
    url: database.primaryUrl,
    instances,
    async pauseReplica(isPaused) {
      await replica!.query(`select pg_wal_replay_${isPaused ? 'pause' : 'resume'}()`);
    },
    async restartRelay(random) {
      const active = await activeInstance(stack, instances);
      await (random.chance(0.5) ? active.kill() : active.stop());
      await active.start();
    },
    async killAll() {
      await Promise.all(instances.map((one) => one.kill()));
      return async () => {
        await Promise.all(instances.map((one) => one.start()));
      };
    },
    async restartPrimary(random) {
      await stack.primary.stop(random.chance(0.5) ? 'immediate' : 'fast');
      await stack.primary.start();
    },
    async close() {
      await Promise.allSettled(instances.map((one) => one.stop()));
      await replica!.query('select pg_wal_replay_resume()');
      await database.drop();
    },
  };
}

async function execute(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(text).simple();
  } finally {
    await sql.end({ timeout: 2 });
  }
}
