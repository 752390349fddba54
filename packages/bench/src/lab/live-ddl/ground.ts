/** A seed runs on a database of its own on the trial's stack, and on two realtime instances with primary and replica. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { migrate } from '@tidemark/db';
import type { Stack } from '@tidemark/local-stack';
import { TestStack } from '@tidemark/testing';
import postgres from 'postgres';
import { until } from '../../measuring/waiting.ts';
import { type Instance, liveInstance } from '../live-faults/instance.ts';
import type { Dice } from './dice.ts';
import { firstSchema, ROLES } from './schema.ts';
import { RESET_ROLES, setupSql } from './setup.ts';

export const SECRET = randomBytes(24).toString('hex');
/** Within this time, ms, counts what is announced nowhere; as set for the services. */
export const RIGHTS_MS = 500;
/** The same for rows of other tables that policies read; of ones that are not published, by their statistics, a second later. */
const MEMBERSHIP_MS = 300;
/** The relay's looks at definitions, ms. */
const DEFINITIONS_MS = 300;
const TRIGGER = new URL('../../../../../infra/postgres/ddl.sql', import.meta.url);
const TEMPLATE = `live-ddl-${process.pid}-${Date.now()}`;

export interface Ground {
  readonly url: string;
  readonly instances: readonly Instance[];
  /** The replica stands still, or goes on. */
  pauseReplica(isPaused: boolean): Promise<void>;
  /** The instance that has the slot ends, by a signal or in order, and starts again. */
  restartRelay(dice: Dice): Promise<void>;
  /** All instances are killed. @returns starts them again */
  killAll(): Promise<() => Promise<void>>;
  /** The primary stops, by a signal or in order, and starts again. */
  restartPrimary(dice: Dice): Promise<void>;
  close(): Promise<void>;
}

/** @param announced whether an event trigger tells the relay of changed definitions */
export async function openGround(stack: Stack, announced: boolean): Promise<Ground> {
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
  if (announced) await execute(database.primaryUrl, await readFile(TRIGGER, 'utf8'));
  const env = {
    DATABASE_URL: database.primaryUrl,
    DATABASE_REPLICA_URLS: database.replicaUrl,
    NATS_URL: stack.nats.url,
    NATS_PREFIX: servers.natsPrefix(),
    RELAY_SLOT: `tidemark_${database.name}`,
    JWT_SECRET: SECRET,
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
    async restartRelay(dice) {
      let active: Instance | undefined;
      await until('an active relay', async () => {
        const rows = await stack.primary.query<{ name: string }>(
          `select application_name as name from pg_stat_replication where application_name like 'tidemark relay %'`,
        );
        active = instances.find(({ name }) => rows.some((row) => row.name === `tidemark relay ${name}`));
        return active !== undefined;
      });
      await (dice.chance(0.5) ? active?.kill() : active?.stop());
      await active?.start();
    },
    async killAll() {
      await Promise.all(instances.map((one) => one.kill()));
      return async () => {
        await Promise.all(instances.map((one) => one.start()));
      };
    },
    async restartPrimary(dice) {
      await stack.primary.stop(dice.chance(0.5) ? 'immediate' : 'fast');
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
