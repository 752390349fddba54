/** A relay of the gateway's database: the realtime service as a process of its own, which can be stopped and cut off. */

import { connectBus } from '@tidemark/bus';
import { deleteStreams } from '@tidemark/bus/client';
import { metricsPage, until, useTestStack } from '@tidemark/testing';
import type { Test } from 'tap';
import { type GatewayFixture, useGateway } from '../gateway-fixture.ts';
import { forkRealtime, type RealtimeProcess } from '../realtime-process.ts';

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
  /** Waits until the gateway at `url` serves from its cache. */
  serving(url?: string): Promise<void>;
}

export async function useCachedGateway(
  t: Test,
  options: { script: string; env?: Record<string, string> },
): Promise<CachedGateway> {
  const stack = await useTestStack();
  const prefix = stack.natsPrefix();
  const gateway = await useGateway(t, { script: options.script, env: { ...options.env, NATS_PREFIX: prefix } });
  let relay: RealtimeProcess | undefined;
  let relayUrl = '';

  async function startRelay(): Promise<void> {
    relay = await forkRealtime({
      DATABASE_URL: gateway.database.primaryUrl,
      NATS_URL: stack.natsUrl,
      NATS_PREFIX: prefix,
      RELAY_SLOT: `tidemark_${gateway.database.name}`,
      INSTANCE: 'relay',
    });
    relayUrl = relay.url;
  }

  async function stopRelay(): Promise<void> {
    const stopped = relay;
    relay = undefined;
    await stopped?.stop();
  }

  async function figures(url = gateway.url): Promise<Record<string, number>> {
    const text = await metricsPage(url);
    const lines = [...text.matchAll(/^(tidemark_[a-z_]+)\{service="gateway"\} (\S+)$/gm)];
    return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]));
  }

  t.teardown(async () => {
    await stopRelay();
    const bus = await connectBus({ url: stack.natsUrl, name: 'clean-up', prefix });
    await deleteStreams(bus);
    await bus.close();
  });
  await startRelay();
  return {
    ...gateway,
    startRelay,
    stopRelay,
    relayUrl: () => relayUrl,
    freezeRelay: () => relay?.child.kill('SIGSTOP'),
    thawRelay: () => relay?.child.kill('SIGCONT'),
    figures,
    async serving(url) {
      await until(async () => (await figures(url)).tidemark_cache_paused === 0, 'the cache serves');
    },
  };
}
