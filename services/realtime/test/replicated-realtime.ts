/** A realtime instance on a primary and a replica of this test's own, which it may kill or stop. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { runPhases } from '@tidemark/service';
import type { Test } from 'tap';
import { start } from '../src/start.ts';
import { SECRET } from './test-realtime.ts';

export async function startReplicated(t: Test, setup: readonly string[], env: Record<string, string>) {
  const stack = await startTemporaryStack();
  t.teardown(() => stack.stop());
  const { primary, nats } = stack;
  const replica = stack.replicas[0] as (typeof stack.replicas)[number];
  await migrate(primary.url);
  for (const statement of setup) await primary.query(statement);
  await replica.caughtUp();
  const running = await start({
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    DATABASE_URL: primary.url,
    DATABASE_REPLICA_URLS: replica.url,
    NATS_URL: nats.url,
    JWT_SECRET: SECRET,
    JWT_CLOCK_SKEW_S: '0',
    ...env,
  });
  t.teardown(() => runPhases(running.phases, (problem) => t.fail(problem)));
  return { stack, primary, replica, running };
}
