/** Tests on a private stack that subscriptions continue when the primary dies and its replica is promoted. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from './live-client.ts';
import { openStream } from './open-stream.ts';
import { startReplicated } from './replicated-realtime.ts';
import { MATCHES } from './test-realtime.ts';
import { windowRows } from './windows/window-rows.ts';

const WINDOW = 'commentary?select=id,minute&order=minute.desc&limit=4';
const WINDOW_SQL = 'select id::int, minute from commentary order by minute desc, id limit 4';

t.test('continues windows and queries at a promoted replica', async (t) => {
  const { primary, replica, running } = await startReplicated(t, [MATCHES], { LIVE_WINDOW_MS: '30' });
  const { realtime } = running;
  await until(async () => (await realtime.health.problems()).length === 0, 'the service to be ready');

  const client = await new LiveClient(running.url.replace('http', 'ws')).open();
  t.teardown(() => client.close());
  const topics = new Map<string, number>();
  let asked = 0;
  /** Subscribes until it has its rows: every refusal must say that it may be tried again. */
  async function follow(query: string): Promise<void> {
    await until(
      async () => {
        asked += 1;
        const id = `s${asked}`;
        const from = client.frames.length;
        client.send({ op: 'subscribe', id, query, snapshot: true });
        let topic: number | undefined;
        const end = await client.frame((frame) => {
          if (frame.op === 'subscribed' && frame.id === id) topic = frame.topic;
          if (frame.op === 'error') return frame.id === id;
          return topic !== undefined && frame.topic === topic && (frame.op === 'resync' || frame.done === true);
        }, from);
        if (end.op === 'snapshot') topics.set(query, end.topic);
        return end.op === 'snapshot';
      },
      () => `${query} to be followed; ${JSON.stringify(client.frames.slice(-5))}`,
      60_000,
    );
  }
  const plain = 'commentary?match_id=eq.1&select=id,minute';
  await primary.query('insert into commentary (match_id, minute) select 1, n from generate_series(1, 10) as n');
  await replica.caughtUp();
  await follow(WINDOW);
  await follow(plain);
  const followed = [...topics.values()];
  const http = `${running.url}/live?query=${encodeURIComponent(WINDOW)}`;
  const stream = await openStream(http);
  await until(() => stream.events.some(({ event }) => event === 'snapshot'), 'the stream');
  const epoch = realtime.relay?.stats().epoch;

  await primary.stop('immediate');
  await replica.promote();
  // Clients also connect and subscribe during the promotion.
  const strangers = (async () => {
    while (realtime.relay?.stats().epoch === epoch) {
      await follow(`${WINDOW}&minute=gte.${asked}`);
      client.send({ op: 'unsubscribe', id: `s${asked}` });
    }
  })();
  for (const topic of followed)
    await until(
      () => client.frames.some((frame) => frame.op === 'resync' && frame.topic === topic),
      () => `a resync of ${topic}; ${JSON.stringify(realtime.relay?.stats())}`,
      60_000,
    );
  await until(() => stream.isOver, 'the stream to end', 60_000);
  t.match(stream.events.at(-1), { event: 'resync', id: '' }, 'its last id is forgotten');
  await strangers;
  t.not(realtime.relay?.stats().epoch, epoch);

  await follow(WINDOW);
  await follow(plain);
  const resumed = await openStream(http);
  t.teardown(() => resumed.close());
  for (let minute = 11; minute <= 30; minute += 1)
    await replica.query(`insert into commentary (match_id, minute) values (1, ${minute})`);
  await replica.query('delete from commentary where minute in (29, 28)');
  const expected = JSON.stringify(await replica.query(WINDOW_SQL));
  const shown = () => windowRows(client.frames.filter((frame) => frame.topic === topics.get(WINDOW)));
  await until(
    () => JSON.stringify(shown()) === expected,
    () => `${expected}; it is ${JSON.stringify(shown())}`,
  );
  const streamed = () => windowRows(resumed.events.map(({ data }) => data));
  await until(
    () => JSON.stringify(streamed()) === expected,
    () => `${expected} in the stream; it is ${JSON.stringify(streamed())}`,
  );
  await client.change(({ type, old }) => type === 'delete' && old?.minute === 28);
  const final = client.frames.filter((frame) => frame.op === 'error' && !frame.retry);
  t.same(
    final.filter(({ code }) => code !== 'RT_ID_UNKNOWN'),
    [],
    'no refusal says that it is for good',
  );
});
