/** A relay of the gateway's database: the realtime service as a process of its own, which can be stopped and cut off. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { metricsPage, useTestStack } from '@tidemark/testing';
import type { Test } from 'tap';
import { type GatewayFixture, SECRET, useGateway } from '../gateway-fixture.ts';

export interface CachedGateway extends GatewayFixture {
  startRelay(): Promise<void>;
  /** Returns the URL of the realtime service that runs the relay. */
  relayUrl(): string;
  stopRelay(): Promise<void>;
  /** The process goes on, but is given no time: neither changes nor heartbeats, and the slot stays its own. */
  freezeRelay(): void;
  thawRelay(): void;
  /** Figures of /metrics by name. */
  figures(url?: string): Promise<Record<string, number>>;
  /** Until the gateway at `url` serves from its cache. */
  serving(url?: string): Promise<void>;
}

export async function useCachedGateway(
  t: Test,
  options: { script: string; env?: Record<string, string> },
): Promise<CachedGateway> {
  const stack = await useTestStack();
  const prefix = stack.natsPrefix();
  const gateway = await useGateway(t, { script: options.script, env: { ...options.env, NATS_PREFIX: prefix } });
  let relay: ChildProcess | undefined;
  let relayUrl = '';

  async function startRelay(): Promise<void> {
    const child = fork(fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), {
      execArgv: [],
      env: {
        ...process.env,
        PORT: '0',
        LOG_LEVEL: 'silent',
        DATABASE_URL: gateway.database.primaryUrl,
        NATS_URL: stack.natsUrl,
        NATS_PREFIX: prefix,
        JWT_SECRET: SECRET,
        RELAY_SLOT: `tidemark_${gateway.database.name}`,
        INSTANCE: 'relay',
      },
    });
    relay = child;
    const [ready] = (await once(child, 'message')) as [{ url: string }];
    relayUrl = ready.url;
  }

  async function stopRelay(): Promise<void> {
    const child = relay;
    relay = undefined;
    if (!child) return;
    child.kill('SIGCONT');
    const ended = once(child, 'exit');
    child.send({ type: 'stop' });
    await ended;
  }

  async function figures(url = gateway.url): Promise<Record<string, number>> {
    const text = await metricsPage(url);
    const lines = [...text.matchAll(/^(tidemark_[a-z_]+)\{service="gateway"\} (\S+)$/gm)];
    return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]));
  }

  t.teardown(async () => {
    await stopRelay();
    const bus = await connectBus({ url: stack.natsUrl, name: 'clean-up', prefix });
    const streams = Object.values(bus.subjects.streams);
    // A stream that the test never created cannot be deleted.
    await Promise.all(
      streams.map((name) =>
        clientOf(bus)
          .jsm.streams.delete(name)
          .catch(() => false),
      ),
    );
    await bus.close();
  });
  await startRelay();
  return {
    ...gateway,
    startRelay,
    stopRelay,
    relayUrl: () => relayUrl,
    freezeRelay: () => relay?.kill('SIGSTOP'),
    thawRelay: () => relay?.kill('SIGCONT'),
    figures,
    async serving(url) {
      await until(async () => (await figures(url)).tidemark_cache_paused === 0, 'the cache serves', 15_000);
    },
  };
}

export async function until(holds: () => Promise<boolean> | boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
