/** Faults of the services, their callers and their jobs that metrics must name. */
import { connectBus } from '@tidemark/bus';
import { openDatabase } from '@tidemark/db';
import { createHealth, startTelemetry } from '@tidemark/service';
import { repeat } from '../../measuring/loops.ts';
import { pause } from '../../measuring/waiting.ts';
import { type Fault, type Scene, SECOND } from './fault.ts';

/** Each has some chunks on the queue at a time. */
const TENANT_JOBS = 30;

const call = (scene: Scene, name: string, body: object) =>
  fetch(`${scene.gateway.url}/rest/v1/rpc/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).then(
    async (answer) => void (await answer.arrayBuffer()),
    () => undefined,
  );

export const serviceFaults: readonly Fault[] = [
  {
    name: '40 callers of pg_sleep(3)',
    rule: 'pool.long_statements',
    culprit: /slow_report.*POST \/rest\/v1\/rpc/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject(scene) {
      const callers = Array.from({ length: 40 }, () => repeat(() => call(scene, 'slow_report', {})));
      return () => Promise.all(callers.map((caller) => caller.stop()));
    },
  },
  {
    name: 'a function that fails with 22012',
    rule: 'route.sqlstate',
    culprit: /rpc.*ratio.*SQLSTATE 22/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject(scene) {
      const caller = repeat(async () => {
        await call(scene, 'ratio', { a: 1, b: 0 });
        await pause(100);
      });
      return () => caller.stop();
    },
  },
  {
    name: 'a connection that is never released',
    rule: 'pool.leaks',
    culprit: /GET \/leaky took at .*faults\.[tj]s:\d+ .* ago/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack, natsPrefix }) {
      const pools = { write: { leakThresholdMs: 5_000 } };
      const db = await openDatabase({
        primaryUrl: stack.primary.url,
        applicationName: 'tidemark/gateway-leaky',
        pools,
      });
      const bus = await connectBus({ url: stack.nats.url, name: 'gateway-leaky', prefix: natsPrefix });
      const telemetry = startTelemetry({
        bus,
        service: 'gateway',
        instance: 'gateway-leaky',
        url: 'http://127.0.0.1:9',
        health: createHealth(),
        sections: () => ({ pools: db.poolStats() }),
        observe: () => undefined,
      });
      const holder = { route: 'GET /leaky' };
      const held = db.pools.write.transaction(() => new Promise<never>(() => undefined), { holder });
      held.catch(() => undefined);
      return async () => {
        telemetry.stop();
        await db.close(100);
        await bus.close();
      };
    },
  },
  {
    name: 'NATS stopped',
    rule: 'nats.down',
    culprit: /NATS does not answer/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ stack }) {
      await stack.nats.stop('immediate');
      return () => stack.nats.start();
    },
  },
  {
    name: 'realtime stopped',
    rule: 'service.absent',
    culprit: /no realtime reports itself/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ realtime, startRealtime }) {
      await realtime().stop();
      return startRealtime;
    },
  },
  {
    name: 'realtime killed',
    rule: 'instance.lost',
    culprit: /realtime.* has been silent for/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ realtime, startRealtime }) {
      await realtime().kill();
      return startRealtime;
    },
  },
  {
    name: 'a heap that grows by 5 MB a second',
    rule: 'heap.leak',
    // The rate is that of the last minute, and the leak may have begun within it.
    culprit: /the heap of gateway.* has grown by [2-6]\.\d MiB a second/,
    withinMs: 75 * SECOND,
    bySql: 'no',
    async inject({ gateway }) {
      const toggle = async () => process.kill(gateway.pid, 'SIGUSR2');
      await toggle();
      return toggle;
    },
  },
  {
    name: 'a queue of one tenant',
    rule: 'jobs.waiting',
    culprit: /all \d workers have been busy for a minute; \d of the chunks that run are lab\.slow of busy/,
    // Chunks of high priority may wait for 10 s, and the finding is of a minute with all workers busy.
    withinMs: 90 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      await stack.primary.query(
        `insert into tidemark.jobs (kind, spec, role, priority, tenant)
         select 'lab.slow', '{"items": 2000, "ms": 1000}', 'service_role', 'high', 'busy' from generate_series(1, ${TENANT_JOBS})`,
      );
      return () =>
        stack.primary.query(
          "select tidemark.cancel_job(id) from tidemark.jobs where tenant = 'busy' and finished_at is null",
        );
    },
  },
];
