/** Many subscribers over the whole path: latency at a steady rate, row-level security, and a key of its own for each. */
import { atLeast, atMost, type TrialContext } from '../../lab/trial.ts';
import { percentile } from '../../measuring/statistics.ts';
import { signToken } from '../../processes/services.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { SocketOrder } from '../clients/counting-messages.ts';
import type { LiveFixture, Table } from '../fixture.ts';
import { complete, DELIVERY_MS, type LiveScenario, subscribe } from '../scenario.ts';

const PER_SECOND = 1_000;

export const liveLatency: LiveScenario = {
  name: 'live-latency',
  claim: 'commit to client at 1,000 changes/s, 1,000 sockets over 100 topics: p50 ≤ 5 ms, p99 ≤ 50 ms',
  async run(fixture, context) {
    const { quick } = context;
    const [warm, count, sockets, topics] = quick ? [100, 300, 100, 10] : [2_000, 8_000, 1_000, 100];
    const { clients } = await startSubscribers(fixture, context, sockets, (n) => ({
      path: '/live',
      hello: subscribe(`ticks?k=eq.${n % topics}`),
    }));
    const round = (changes: number) =>
      clients.count(changes / topics, DELIVERY_MS, () => fixture.writeAt(PER_SECOND, 'ticks', changes, topics));
    await round(warm);
    const counted = await round(count);
    const { latenciesMs } = counted;
    context.log(`${latenciesMs.length} samples, slowest ${Math.max(...latenciesMs).toFixed(1)} ms`);
    return [
      ...complete('realtime', count / topics, counted),
      atMost('p50', quick ? DELIVERY_MS : 5, percentile(latenciesMs, 0.5), ' ms'),
      atMost('p99', quick ? DELIVERY_MS : 50, percentile(latenciesMs, 0.99), ' ms'),
    ];
  },
};

export const liveRls: LiveScenario = {
  name: 'live-rls',
  claim: '5,000 users under row-level security that shows each change to all: 50,000 deliveries/s',
  async run(fixture, context) {
    const [count, sockets] = context.quick ? [20, 100] : [100, 5_000];
    const { clients } = await startSubscribers(fixture, context, sockets, async (n) => ({
      path: '/live',
      hello: subscribe('guarded'),
      token: await signToken({ sub: `user ${n}` }),
    }));
    await clients.count(5, DELIVERY_MS, () => fixture.write('guarded', 5, 100));
    const startedAt = performance.timeOrigin + performance.now();
    const counted = await clients.count(count, DELIVERY_MS, () => fixture.write('guarded', count, 100));
    const rate = (counted.changes / (counted.lastAt - startedAt)) * 1_000;
    return [...complete('realtime', count, counted), atLeast('deliveries', context.quick ? 0 : 50_000, rate, '/s')];
  },
};

export const liveKeys: LiveScenario = {
  name: 'live-keys',
  claim:
    '10,000 subscribers each to its own key, 1,000 changes/s: p99 100 ms, processor time of instance and relay within 2 × of the relay’s',
  async run(fixture, context) {
    const order = (n: number) => ({ path: '/live', hello: subscribe(`ticks?k=eq.${n}`) });
    const { sockets, counted, relayMs, instanceMs } = await oneEach(fixture, context, 'ticks', order);
    const loopMs = await plainSends(fixture, context, sockets, counted.payload);
    context.log(
      `processor for ${sockets} changes: relay ${relayMs} ms, instance ${instanceMs} ms; a plain ws process that only sends ${loopMs} ms`,
    );
    return [
      ...complete('realtime', 1, counted),
      atMost('p99', context.quick ? DELIVERY_MS : 100, percentile(counted.latenciesMs, 0.99), ' ms'),
      atMost("processor of both, times the relay's", context.quick ? 1_000 : 2, (relayMs + instanceMs) / relayMs),
    ];
  },
};

export const liveOwnRows: LiveScenario = {
  name: 'live-own-rows',
  claim: '10,000 users who each see their own rows, 1,000 changes/s: p99 100 ms, processor within 3 × of the relay’s',
  async run(fixture, context) {
    const order = async (n: number) => {
      const token = await signToken({ sub: String(n) });
      return { path: '/live', hello: subscribe('owned'), token };
    };
    const { sockets, counted, relayMs, instanceMs } = await oneEach(fixture, context, 'owned', order);
    context.log(`processor for ${sockets} changes: relay ${relayMs} ms, instance ${instanceMs} ms`);
    // Each change costs a query on Postgres, about as much as its delivery.
    return [
      ...complete('realtime', 1, counted),
      atMost('p99', context.quick ? DELIVERY_MS : 100, percentile(counted.latenciesMs, 0.99), ' ms'),
      atMost("the instance's processor, times the relay's", context.quick ? 1_000 : 3, instanceMs / relayMs),
    ];
  },
};

async function startSubscribers(
  fixture: LiveFixture,
  context: TrialContext,
  sockets: number,
  order: (n: number) => SocketOrder | Promise<SocketOrder>,
) {
  const instance = context.stopAtEnd(await fixture.instance());
  const orders = await Promise.all(Array.from({ length: sockets }, (_, n) => order(n)));
  return { instance, clients: context.stopAtEnd(await openClients(instance.url, 'tidemark', orders)) };
}

async function oneEach(
  fixture: LiveFixture,
  context: TrialContext,
  table: Table,
  order: (n: number) => SocketOrder | Promise<SocketOrder>,
) {
  const sockets = context.quick ? 300 : 10_000;
  const { instance, clients } = await startSubscribers(fixture, context, sockets, order);
  const round = () => clients.count(1, DELIVERY_MS, () => fixture.writeAt(PER_SECOND, table, sockets, sockets));
  await round();
  const cpu = () => [fixture.relay.usage().cpuMs ?? 0, instance.usage().cpuMs ?? 0] as const;
  const before = cpu();
  const counted = await round();
  const after = cpu();
  await clients.stop();
  return { sockets, counted, relayMs: Math.max(after[0] - before[0], 1), instanceMs: after[1] - before[1] };
}

/** The process sends each change to its socket at the same rate. */
async function plainSends(
  fixture: LiveFixture,
  context: TrialContext,
  sockets: number,
  payload: string,
): Promise<number> {
  const loop = context.stopAtEnd(await fixture.baseline('fan-out-ws'));
  const orders = Array.from({ length: sockets }, () => ({ path: '/' }));
  const clients = context.stopAtEnd(await openClients(loop.url, 'ws', orders));
  const send = () => fetch(`${loop.url}/?times=${sockets}&perSecond=${PER_SECOND}`, { method: 'POST', body: payload });
  await clients.count(1, DELIVERY_MS, send);
  const before = loop.usage().cpuMs ?? 0;
  await clients.count(1, DELIVERY_MS, send);
  return (loop.usage().cpuMs ?? 0) - before;
}
