/** Tests that a stopping instance tells its clients when to leave and where to go, and serves them until then. */

import type { LiveChange } from '@tidemark/contracts';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { type Event, openStream } from '../open-stream.ts';
import { startTestRealtime } from '../test-realtime.ts';

const CLIENTS = 50;
const OVER_MS = 1_000;
const HERE = 'ws://127.0.0.1:8081/live';

t.test('draining', async (t) => {
  const service = await startTestRealtime(undefined, { LIVE_URL: HERE });
  t.teardown(() => service.stop());
  const drainable = (env: NodeJS.ProcessEnv = {}) =>
    service.another({ DRAIN_MS: String(OVER_MS), LIVE_URL: '', ...env });
  const hasHeard = ({ url }: { url: string }) =>
    until(async () => {
      const metrics = await metricsPage(url);
      return /tidemark_live_peers\{[^}]*\} 1\n/.test(metrics);
    }, 'it to hear of the first');
  const minutes = (changes: readonly LiveChange[]) => changes.map(({ row }) => row?.minute as number);

  t.test('closes sockets one after another, serves them until then, and lets them resume without a gap', async (t) => {
    const other = await drainable();
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = await new LiveClient(other.url).open();
        const closedAt = new Promise<number>((resolve) => client.ws.on('close', () => resolve(Date.now())));
        const topic = await client.subscribe('s', 'commentary?match_id=eq.1&select=id,minute');
        return { client, closedAt, topic };
      }),
    );
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        written += 1;
        await service.sql('insert into commentary (match_id, minute) values (1, $1)', [written]);
      }
    })();
    await clients[0]?.client.change(() => true);
    const startedAt = Date.now();
    const stopping = other.stop();
    const told = await Promise.all(clients.map(({ client }) => client.frame((frame) => frame.op === 'draining')));
    const late = new LiveClient(other.url);
    await until(() => late.closed !== undefined, 'the refusal');
    t.match(late.closed, { code: 1001, reason: /stopping/ });
    const ends = await Promise.all(clients.map(({ closedAt }) => closedAt));
    await stopping;
    const times = told.map((frame) => frame.reconnectInMs as number);
    t.same(
      [...times].sort((a, b) => a - b),
      Array.from({ length: CLIENTS }, (_, n) => n * 10),
      'spread evenly, told ahead',
    );
    t.ok(
      told.every((frame) => frame.url === undefined),
      'without an address of its own it names none',
    );
    for (const [n, end] of ends.entries()) t.ok(end - startedAt >= (times[n] ?? 0), 'closed after its time');
    for (const { client } of clients) t.match(client.closed, { code: 1001, reason: /stopping/ });

    const early = minutes(clients[times.indexOf(0)]?.client.changes() ?? []).length;
    const served = minutes(clients[times.indexOf(Math.max(...times))]?.client.changes() ?? []).length;
    t.ok(served > early, `the last one was served on: ${served} changes, the first had ${early}`);
    writing = false;
    await writer;
    const one = clients[times.indexOf(0)]?.client as LiveClient;
    const { position } = one.frames.filter((frame) => frame.op === 'changes').at(-1) as { position: string };
    const again = await new LiveClient(service.url).open();
    await again.subscribe('s', 'commentary?match_id=eq.1&select=id,minute', { after: position });
    await again.change(({ row }) => row?.minute === written);
    const all = [...minutes(one.changes()), ...minutes(again.changes())];
    t.same(
      all,
      Array.from({ length: all.length }, (_, n) => (all[0] as number) + n),
      'each once, in order',
    );
    await again.close();
  });

  t.test('names the address of another instance, and stops when all clients have left', async (t) => {
    const other = await drainable({ LIVE_URL: 'wss://other.example/live' });
    const client = await new LiveClient(other.url).open();
    await hasHeard(other);
    const stopping = other.stop();
    t.match(await client.frame((frame) => frame.op === 'draining'), { reconnectInMs: 0, url: HERE });
    await client.close();
    t.equal(client.closed?.code, 1005, 'it was not closed by the server');
    await stopping;
  });

  t.test('tells event streams when to reconnect, also those that connect while it stops', async (t) => {
    const other = await drainable({ LIVE_URL: 'wss://other.example/live' });
    const http = other.url.replace('ws', 'http');
    const url = (n: number) => `${http}/live?query=commentary%3Fmatch_id%3Deq.${n}&snapshot=false`;
    await hasHeard(other);
    const streams = await Promise.all(Array.from({ length: 5 }, (_, n) => openStream(url(n))));
    await until(() => streams.every(({ events }) => events.length > 0), 'all to follow');
    const stopping = other.stop();
    await until(() => streams.every(({ events }) => events.at(-1)?.event === 'draining'), 'all to be told');
    const late = await openStream(url(9), { 'last-event-id': 'kept-by-the-client' });
    await until(() => late.isOver, 'its end');
    t.equal(late.response.status, 200, 'any other, and an EventSource gives up');
    t.match(late.events, [{ event: 'draining', id: undefined, retry: /^\d+$/, data: { reconnectInMs: 1_000 } }]);
    await until(() => streams.every(({ isOver }) => isOver), 'all to end');
    await stopping;
    const told = streams.map(({ events }) => events.at(-1) as Event);
    t.same(
      told.map(({ data }) => data.reconnectInMs).sort((a, b) => a - b),
      [0, 10, 20, 30, 40],
    );
    for (const { retry, data } of told) {
      t.match(data, { op: 'draining', url: 'http://127.0.0.1:8081/live' });
      t.ok(Number(retry) >= 500 && Number(retry) <= 1_500, `retry: ${retry}`);
    }
  });

  t.test('stops within the documented time', async (t) => {
    const total = service.phases.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0);
    t.ok(total <= 30_000, `${total} ms with the defaults`);
  });
});
