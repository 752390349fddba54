/** Starts the service in this process on real Postgres and NATS, and instances that send it telemetry. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Bus, connectBus } from '@tidemark/bus';
import type { ServiceName, TelemetrySections } from '@tidemark/contracts';
import { runScript } from '@tidemark/db';
import { createHealth, runPhases, startTelemetry } from '@tidemark/service';
import { METRICS_ENV, until } from '@tidemark/testing';
import { SignJWT } from 'jose';
import type { Test } from 'tap';
import type { HealthAnswer } from '../src/health/answer.ts';
import { start } from '../src/start.ts';

export const SECRET = 'a secret of thirty-two characters';

export interface Servers {
  primaryUrl: string;
  natsUrl: string;
  natsPrefix: string;
}

export interface MetricsFixture {
  url: string;
  bus: Bus;
  token(role: string, claims?: Record<string, unknown>): Promise<string>;
  /** GET below /api/v1/performance/, as `ops`. */
  get(path: string): Promise<Response>;
  health(): Promise<HealthAnswer>;
  /** Waits until the health answer satisfies `ok`, and gives that answer. */
  until(ok: (health: HealthAnswer) => boolean, what: string): Promise<HealthAnswer>;
  /** An instance that publishes its own real figures each second, until stopped. */
  instance(service: ServiceName, name: string, sections?: () => TelemetrySections): { stop(): void };
  stop(): Promise<void>;
}

/** Installs pg_stat_statements, as an administrator does. */
export async function enableStatements(primaryUrl: string): Promise<void> {
  const file = new URL('../../../infra/postgres/statements.sql', import.meta.url);
  await runScript(primaryUrl, await readFile(file, 'utf8'));
}

export async function useMetrics(t: Test, servers: Servers, env: Record<string, string> = {}): Promise<MetricsFixture> {
  const service = await start({
    PORT: '0',
    LOG_LEVEL: 'silent',
    INSTANCE: 'metrics-t',
    DATABASE_URL: servers.primaryUrl,
    NATS_URL: servers.natsUrl,
    NATS_PREFIX: servers.natsPrefix,
    JWT_SECRET: SECRET,
    JWT_CLOCK_SKEW_S: '0',
    ...METRICS_ENV,
    METRICS_EXPECT: 'gateway',
    ...env,
  });
  const bus = await connectBus({ url: servers.natsUrl, name: `test ${randomUUID()}`, prefix: servers.natsPrefix });
  const running: { stop(): void }[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const one of running) one.stop();
      const problems: string[] = [];
      await runPhases(service.phases, (problem) => problems.push(problem));
      await bus.close();
      if (problems.length > 0) throw new Error(`the service did not stop cleanly: ${problems.join('; ')}`);
    })();
    return stopped;
  };
  t.teardown(stop);

  const token = (role: string, claims: Record<string, unknown> = {}) =>
    new SignJWT({ role, ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
  const ops = await token('ops');
  const get = (path: string) =>
    fetch(`${service.url}/api/v1/performance/${path}`, { headers: { authorization: `Bearer ${ops}` } });
  const health = async () => (await (await get('health')).json()) as HealthAnswer;
  return {
    url: service.url,
    bus,
    token,
    get,
    health,
    until(ok, what) {
      let last: HealthAnswer | undefined;
      return until(
        async () => {
          last = await health();
          return ok(last) ? last : undefined;
        },
        () => `${what}; the last answer: ${last?.status}, ${last?.problems.join('; ')}`,
      );
    },
    instance(name, instance, sections = () => ({})) {
      const url = 'http://127.0.0.1:9';
      const one = startTelemetry({
        bus,
        service: name,
        instance,
        url,
        health: createHealth(),
        sections,
        observe: () => {},
      });
      running.push(one);
      return one;
    },
    stop,
  };
}
