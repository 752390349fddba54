/** Many subscribers and what the whole path gives them: latency at a steady rate, row-level security, keys of their own. */
import { atLeast, atMost, type TrialContext } from '../../lab/trial.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { SocketOrder } from '../clients/counting-messages.ts';
import type { LiveFixture, Table } from '../fixture.ts';
import { WAIT_MS } from '../pace.ts';
import { complete, type LiveScenario, percentile } from '../scenario.ts';

const subscribe = (query: string) => JSON.stringify({ op: 'subscribe', id: 's', query, snapshot: false });
const PER_SECOND = 1_000;

export const liveLatency: LiveScenario = {
  name: 'live-latency',
  claim: 'commit to client at 1,000 changes/s, 1,000 sockets over 100 topics: p50 ≤ 5 ms, p99 ≤ 50 ms',
  async run(fixture, { quick, cleanup, log }) {
    const [count, sockets, topics] = quick ? [300, 100, 10] : [8_000, 1_000, 100];
    const ours = await fixture.instance();
    const orders = Array.from({ length: sockets }, (_, n) => ({
      path: '/live',
      hello: subscribe(`ticks?k=eq.${n % topics}`),
    }));
    const clients = await openClients(ours.url, 'tidemark', orders);
    cleanup(async () => void (await Promise.all([clients.stop(), ours.stop()])));
    const warm = quick ? 100 : 2_000;
    await clients.count(warm / topics, WAIT_MS, () => fixture.writeAt(PER_SECOND, 'ticks', warm, topics));
    const counted = await clients.count(count / topics, WAIT_MS, () =>
      fixture.writeAt(PER_SECOND, 'ticks', count, topics),
    );
    const { latenciesMs } = counted;
    log(`${latenciesMs.length} sampled, at the most ${Math.max(...latenciesMs).toFixed(1)} ms`);
    return [
      ...complete('realtime', count / topics, counted),
      atMost('p50', quick ? WAIT_MS : 5, percentile(latenciesMs, 0.5), ' ms'),
      atMost('p99', quick ? WAIT_MS : 50, percentile(latenciesMs, 0.99), ' ms'),
    ];
  },
};

export const liveRls: LiveScenario = {
  name: 'live-rls',
  claim:
    '5,000 subscribers, each another user, under row-level security that shows all each change: 50,000 deliveries/s',
  async run(fixture, { quick, cleanup }) {
    const [count, sockets] = quick ? [20, 100] : [100, 5_000];
    const ours = await fixture.instance();
    const orders: SocketOrder[] = [];
    for (let n = 0; n < sockets; n++) {
      orders.push({ path: '/live', hello: subscribe('guarded'), token: await fixture.token(`user ${n}`) });
    }
    const clients = await openClients(ours.url, 'tidemark', orders);
    cleanup(async () => void (await Promise.all([clients.stop(), ours.stop()])));
    await clients.count(5, WAIT_MS, () => fixture.write('guarded', 5, 100));
    const startedAt = performance.timeOrigin + performance.now();
    const counted = await clients.count(count, WAIT_MS, () => fixture.write('guarded', count, 100));
    const rate = (counted.changes / (counted.lastAt - startedAt)) * 1_000;
    return [...complete('realtime', count, counted), atLeast('deliveries', quick ? 0 : 50_000, rate, '/s')];
  },
};

export const liveKeys: LiveScenario = {
  name: 'live-keys',
  claim:
    '10,000 subscribers each to its own key, 1,000 changes/s: p99 100 ms, processor of instance and relay within 2 × of the relay’s alone',
  async run(fixture, context) {
    const { quick, cleanup, log } = context;
    const order = (n: number) => ({ path: '/live', hello: subscribe(`ticks?k=eq.${n}`) });
    const { sockets, counted, relayMs, oursMs } = await oneEach(fixture, context, 'ticks', order);
    const bareMs = await bareSends(fixture, cleanup, sockets, counted.payload);
    log(
      `processor for ${sockets} changes: relay ${relayMs} ms, instance ${oursMs} ms; a bare ws process that only sends them, ${bareMs} ms`,
    );
    return [
      ...complete('realtime', 1, counted),
      atMost('p99', quick ? WAIT_MS : 100, percentile(counted.latenciesMs, 0.99), ' ms'),
      atMost("the processor of both, times the relay's", quick ? 1_000 : 2, (relayMs + oursMs) / Math.max(relayMs, 1)),
    ];
  },
};

export const liveOwnRows: LiveScenario = {
  name: 'live-own-rows',
  claim: '10,000 users who each see their own rows, 1,000 changes/s: p99 100 ms, processor within 3 × of the relay’s',
  async run(fixture, context) {
    const { quick, log } = context;
    const order = async (n: number) => {
      const token = await fixture.token(String(n));
      return { path: '/live', hello: subscribe('owned'), token };
    };
    const { sockets, counted, relayMs, oursMs } = await oneEach(fixture, context, 'owned', order);
    log(`processor for ${sockets} changes: relay ${relayMs} ms, instance ${oursMs} ms`);
    // One question to Postgres for each change: about as much as delivering it.
    return [
      ...complete('realtime', 1, counted),
      atMost('p99', quick ? WAIT_MS : 100, percentile(counted.latenciesMs, 0.99), ' ms'),
      atMost("the instance's processor, times the relay's", quick ? 1_000 : 3, oursMs / Math.max(relayMs, 1)),
    ];
  },
};

/** Each change concerns one of 10,000 subscribers. */
async function oneEach(
  fixture: LiveFixture,
  { quick, cleanup }: TrialContext,
  table: Table,
  order: (n: number) => SocketOrder | Promise<SocketOrder>,
) {
  const sockets = quick ? 300 : 10_000;
  const ours = await fixture.instance();
  const orders = await Promise.all(Array.from({ length: sockets }, (_, n) => order(n)));
  const clients = await openClients(ours.url, 'tidemark', orders);
  cleanup(async () => void (await Promise.all([clients.stop(), ours.stop()])));
  // V8 has then compiled what it will; both processes are warmed by the same changes.
  const round = () => clients.count(1, WAIT_MS, () => fixture.writeAt(PER_SECOND, table, sockets, sockets));
  await round();
  const cpu = () => [fixture.relay.usage().cpuMs ?? 0, ours.usage().cpuMs ?? 0] as const;
  const before = cpu();
  const counted = await round();
  const after = cpu();
  await clients.stop();
  return { sockets, counted, relayMs: after[0] - before[0], oursMs: after[1] - before[1] };
}

/** Processor time of a plain `ws` process that has every change at hand and sends each to its socket, at the same rate. */
async function bareSends(
  fixture: LiveFixture,
  cleanup: TrialContext['cleanup'],
  sockets: number,
  payload: string,
): Promise<number> {
  const bare = await fixture.baseline('fan-out-ws');
  const clients = await openClients(
    bare.url,
    'ws',
    Array.from({ length: sockets }, () => ({ path: '/' })),
  );
  cleanup(async () => void (await Promise.all([clients.stop(), bare.stop()])));
  const send = () => fetch(`${bare.url}/?times=${sockets}&perSecond=${PER_SECOND}`, { method: 'POST', body: payload });
  await clients.count(1, WAIT_MS, send);
  const before = bare.usage().cpuMs ?? 0;
  await clients.count(1, WAIT_MS, send);
  return (bare.usage().cpuMs ?? 0) - before;
}
