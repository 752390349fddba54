import t from 'tap';
import { LiveClient } from './live-client.ts';
import { startTestRealtime } from './test-realtime.ts';

t.test('live queries', async (t) => {
  const service = await startTestRealtime();
  t.teardown(() => service.stop());

  t.test('a row that was inserted with plain SQL reaches a subscriber', async (t) => {
    const client = await new LiveClient(service.url).open();
    const topic = await client.subscribe('s1', 'commentary?match_id=eq.42', { snapshot: true });
    const [snapshot] = client.frames.filter((frame) => frame.op === 'snapshot');
    t.same(snapshot?.rows, []);
    await service.sql(`insert into commentary (match_id, minute, body) values (42, 90, 'Goal'), (43, 1, 'elsewhere')`);
    const change = await client.change(() => true);
    t.match(change, { type: 'insert', row: { match_id: 42, minute: 90, body: 'Goal' } });
    t.equal(client.changes(topic).length, 1);
    await client.close();
  });
});
