/** Mode latest, and batches under load. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { WriteRate } from '../../src/topics/write-rate.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime } from '../test-realtime.ts';

t.test('measures the write rate over the last tenth of a second', async (t) => {
  const writeRate = new WriteRate(1_000);
  t.equal(writeRate.isHigh(0), false);
  writeRate.wrote(101, 0);
  t.equal(writeRate.isHigh(50), true);
  t.equal(writeRate.isHigh(150), true, 'a window that has just begun tells nothing yet');
  t.equal(writeRate.isHigh(250), false);
  writeRate.wrote(100, 300);
  t.equal(writeRate.isHigh(301), false);
});

t.test('delivery', async (t) => {
  const service = await startTestRealtime(undefined, {
    LIVE_BATCH_ABOVE: '10',
    LIVE_BATCH_MS: '100',
    LIVE_LATEST_MS: '100',
  });
  t.teardown(() => service.stop());
  const rows = () => service.sql<{ id: string; body: string }>('select id, body from commentary order by id');

  t.test('sends each key’s newest state at most once per interval in mode latest', async (t) => {
    await service.sql(`insert into commentary (match_id, body) select 1, 'begin' from generate_series(1, 3)`);
    await service.replayed();
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    const topic = await client.subscribe('s', 'commentary?match_id=eq.1&select=id,body', {
      snapshot: true,
      mode: 'latest',
    });
    const before = service.realtime.socketStats().conflatedTotal;
    const startedAt = Date.now();
    for (let n = 1; n <= 100; n += 1) await service.sql(`update commentary set body = 'n${n}' where match_id = 1`);
    // The statement may fail: the test compares the client's rows with the table afterwards in any case.
    await service.sql(`update commentary set id = default where id = (select min(id) from commentary)`).catch(() => {});
    await service.sql(`delete from commentary where id = (select max(id) from commentary)`);
    await service.sql(`update commentary set body = 'end' where match_id = 1`);
    const expected = (await rows()).map((row) => row.body);
    const state = new Map<number, string>();
    const apply = () => {
      state.clear();
      for (const frame of client.frames) {
        if (frame.op === 'snapshot') for (const row of frame.rows) state.set(row.id as number, row.body as string);
        if (frame.op !== 'changes') continue;
        for (const { type, row, old } of frame.changes) {
          if (old) state.delete(old.id as number);
          if (type !== 'delete' && type !== 'leave')
            state.set((row as { id: number }).id, (row as { body: string }).body);
        }
      }
      return [...state.values()];
    };
    await until(
      () => JSON.stringify(apply()) === JSON.stringify(expected),
      () => `${expected}; it is ${apply()}`,
    );
    const frames = client.frames.filter((frame) => frame.op === 'changes' && frame.topic === topic).length;
    const intervals = (Date.now() - startedAt) / 100;
    t.ok(frames <= intervals + 10, `${frames} frames in ${intervals.toFixed(1)} intervals`);
    t.ok(service.realtime.socketStats().conflatedTotal > before);
  });

  t.test('misses nothing after a resume from a conflated frame', async (t) => {
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    await client.subscribe('s', 'commentary?match_id=eq.2', { mode: 'latest' });
    await service.sql(`insert into commentary (match_id, body) values (2, 'a')`);
    const [first] = [await client.frame((frame) => frame.op === 'changes')];
    client.send({ op: 'unsubscribe', id: 's' });
    await service.sql(`insert into commentary (match_id, body) values (2, 'b'), (2, 'c')`);
    await client.subscribe('again', 'commentary?match_id=eq.2', { mode: 'latest', after: first?.position });
    await until(
      () => client.changes().length === 3,
      () => JSON.stringify(client.frames),
    );
    t.same(
      client.changes().map((change) => change.row?.body),
      ['a', 'b', 'c'],
    );
  });

  t.test('sends no incomplete transaction in mode latest, also after a resume', async (t) => {
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    await client.subscribe('s', 'commentary?match_id=eq.5', { mode: 'latest' });
    await service.sql(`insert into commentary (match_id, body) values (5, 'first')`);
    const first = await client.frame((frame) => frame.op === 'changes');
    client.send({ op: 'unsubscribe', id: 's' });
    // In two envelopes, of which the second one does not concern the query.
    await service.sql(`insert into commentary (match_id, body) select 5 + n / 501, 'n' from generate_series(1, 600) n`);
    await client.subscribe('again', 'commentary?match_id=eq.5', { mode: 'latest', after: first.position });
    await until(() => client.changes().length === 501, 'the changes behind the position');
    t.equal(
      client.frames.some((frame) => frame.op === 'changes' && frame.more === true),
      false,
    );
  });

  t.test('batches changes under load, whole and in order', async (t) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => new LiveClient(service.url).open()));
    t.teardown(() => Promise.all(clients.map((client) => client.close())));
    for (const client of clients) await client.subscribe('s', 'commentary?match_id=eq.3&select=id,body');
    let reads = 0;
    const [watched] = clients as [LiveClient];
    (watched.ws as unknown as { _socket: NodeJS.EventEmitter })._socket.on('data', () => {
      reads += 1;
    });
    // One who comes in the middle gets each change once, from the snapshot or as a change.
    const late = await new LiveClient(service.url).open();
    t.teardown(() => late.close());
    for (let n = 0; n < 200; n += 1) {
      await service.sql(`insert into commentary (match_id, body) values (3, 'x${n}')`);
      if (n === 100)
        late.send({ op: 'subscribe', id: 'late', query: 'commentary?match_id=eq.3&select=id,body', snapshot: true });
    }
    const expected = Array.from({ length: 200 }, (_, n) => `x${n}`);
    for (const client of clients) {
      await until(
        () => client.changes().length >= 200,
        () => `200 changes; there are ${client.changes().length}`,
      );
      t.same(
        client.changes().map((change) => change.row?.body),
        expected,
      );
    }
    t.ok(reads < 150, `200 frames came in ${reads} reads`);
    const seen = () => [
      ...late.frames.flatMap((frame) => (frame.op === 'snapshot' ? frame.rows.map((row) => row.body) : [])),
      ...late.changes().map((change) => change.row?.body),
    ];
    await until(
      () => seen().length >= 200,
      () => `200 for the late one; there are ${seen().length}`,
    );
    t.same(new Set(seen()), new Set(expected));
  });
});
