/** Tests that failures lose nothing, repeat nothing and keep the order, and that a broken history is reported. */

import { type Bus, connectBus, readChanges } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { CHANGE_HEADERS, type Envelope, parseMessageId } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, type TestRealtime } from '../test-realtime.ts';

async function busOf(service: TestRealtime): Promise<Bus> {
  const stack = await useTestStack();
  return connectBus({ url: stack.natsUrl, name: 'test', prefix: service.prefix });
}

/** Every envelope in the stream, in its order. */
async function stream(bus: Bus): Promise<{ id: string; envelope: Envelope }[]> {
  const found: { id: string; envelope: Envelope }[] = [];
  const all = { subject: bus.subjects.allChanges, from: 1, timeoutMs: 2_000 };
  for await (const { id, table, bytes } of readChanges(bus, all)) {
    if (!table.includes('@')) found.push({ id, envelope: JSON.parse(Buffer.from(bytes).toString()) });
  }
  return found;
}

t.test('loses nothing when the walsender is killed repeatedly while rows are written', async (t) => {
  const service = await startTestRealtime();
  t.teardown(() => service.stop());
  const standby = await service.another();
  const client = await new LiveClient(service.url).open();
  await client.subscribe('s', 'commentary', { snapshot: true });
  let writing = true;
  let written = 0;
  const writer = (async () => {
    while (writing) {
      // Two rows in one transaction, and one that is rolled back.
      await service.sql(`insert into commentary (match_id, minute) values (1, ${written}), (2, ${written + 1})`);
      await service.sql(`begin; insert into commentary (match_id, minute) values (3, 0); rollback`);
      written += 2;
    }
  })();
  let kills = 0;
  const deadline = Date.now() + 4_000;
  while (Date.now() < deadline) {
    const killed = await service.sql(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active_pid is not null`,
    );
    kills += killed.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  writing = false;
  await writer;
  await until(
    () => client.changes().length >= written,
    () => `${written} rows; there are ${client.changes().length}`,
  );
  t.ok(kills >= 5, `${kills} kills`);
  t.same(
    client.changes().map((change) => change.row?.minute),
    Array.from({ length: written }, (_, n) => n),
    'each once, in order',
  );
  t.same(
    client.frames.filter((frame) => frame.op === 'resync'),
    [],
  );
  t.ok(
    client.frames.every((frame) => frame.op !== 'changes' || frame.changes.length === 2),
    'no transaction was torn',
  );

  const bus = await busOf(service);
  const envelopes = await stream(bus);
  t.equal(new Set(envelopes.map(({ id }) => id)).size, envelopes.length, 'no envelope is twice in the stream');
  await bus.close();
  await client.close();
  await standby.stop();
});

t.test('lets a standby take over where the active relay stopped', async (t) => {
  const service = await startTestRealtime();
  t.teardown(() => service.stop());
  const standby = await service.another();
  t.match(standby.realtime.relay?.stats(), { role: 'standby' });
  const client = await new LiveClient(service.url).open();
  await client.subscribe('s', 'commentary');
  await service.sql('insert into commentary (match_id, minute) values (1, 1)');
  await service.realtime.relay?.stop();
  await service.sql('insert into commentary (match_id, minute) values (1, 2)');
  await client.change((change) => change.row?.minute === 2);
  t.match(standby.realtime.relay?.stats(), { role: 'active' });
  t.equal(client.changes().length, 2);
  t.equal((await service.sql('select from tidemark.epochs')).length, 1, 'under the same epoch');
  await client.close();
  await standby.stop();
});

t.test('large transactions', async (t) => {
  // 64 KB of transaction, so that 5,000 rows are measured first and then read again.
  const service = await startTestRealtime(undefined, { RELAY_TRANSACTION_BYTES: '65536', RELAY_IN_FLIGHT: '4' });
  t.teardown(() => service.stop());
  const client = await new LiveClient(service.url).open();
  await client.subscribe('s', 'commentary', { snapshot: true });
  const few = await new LiveClient(service.url).open();
  const first = await few.subscribe('s', 'commentary?minute=lt.3');
  await service.sql(`insert into commentary (match_id, minute) select 1, n from generate_series(0, 4999) as s (n)`);
  await service.sql(`insert into commentary (match_id, minute) values (1, 5000)`);
  await until(
    () => client.changes().length >= 5_001,
    () => `5001 rows; there are ${client.changes().length}`,
  );
  t.same(
    client.changes().map((change) => change.row?.minute),
    Array.from({ length: 5_001 }, (_, n) => n),
  );
  const framesOf = ({ frames }: LiveClient, topic?: number) =>
    frames.flatMap((f) => (f.op === 'changes' && f.topic === (topic ?? f.topic) ? [[f.changes.length, f.more]] : []));
  t.same(
    framesOf(client),
    [...Array.from({ length: 9 }, () => [500, true]), [500, undefined], [1, undefined]],
    'all but its last frame say that the transaction goes on',
  );
  await few.frame((frame) => frame.op === 'changes' && !frame.more);
  t.same(
    framesOf(few),
    [
      [3, true],
      [0, undefined],
    ],
    'also where the last part does not concern the query',
  );
  const inside = few.frames.find((frame) => frame.more)?.position as string;
  await few.send({ op: 'unsubscribe', id: 's' });
  const resumed = await few.subscribe('t', 'commentary?minute=lt.3', { after: inside });
  await few.frame((frame) => frame.op === 'changes' && frame.topic === resumed);
  t.same(framesOf(few, resumed), [[0, undefined]], 'and to one who resumes inside it');
  t.not(first, resumed);
  await few.close();

  const bus = await busOf(service);
  const envelopes = (await stream(bus)).map(({ envelope }) => envelope);
  t.same(
    envelopes.map(({ changes, last, part, more }) => [changes.length, last, part, more]),
    [
      ...Array.from({ length: 9 }, (_, part) => [500, false, part, true]),
      [500, true, 9, false],
      [1, true, undefined, undefined],
    ],
  );
  t.equal(new Set(envelopes.slice(0, 10).map(({ lsn }) => lsn)).size, 1);
  const [{ lsn }] = (await service.sql(`select pg_current_wal_flush_lsn()::text as lsn`)) as [{ lsn: string }];
  t.ok(lsn, 'the position is one of the WAL');

  // A row that no message can hold.
  const topic = await client.subscribe('other', 'commentary?match_id=eq.1', { snapshot: true });
  await service.sql(`insert into commentary (match_id, body) values (1, repeat('x', 9000000))`);
  await client.frame((frame) => frame.op === 'resync' && frame.topic === topic);
  await bus.close();
  await client.close();
});

t.test('positions a transaction at the end of its commit', async (t) => {
  const service = await startTestRealtime();
  t.teardown(() => service.stop());
  const bus = await busOf(service);
  const headers: string[] = [];
  clientOf(bus).nc.subscribe(bus.subjects.changes('public', 'commentary'), {
    callback: (_error, message) => {
      headers.push(message.headers?.get(CHANGE_HEADERS.lsn) ?? '');
    },
  });
  await bus.flush();
  const ends: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    await service.sql('insert into commentary (match_id) values (1)');
    const [row] = await service.sql<{
      lsn: string;
    }>(`select lpad(to_hex(('x' || lpad(split_part(l, '/', 1), 8, '0'))::bit(32)::bigint), 8, '0')
      || lpad(to_hex(('x' || lpad(split_part(l, '/', 2), 8, '0'))::bit(32)::bigint), 8, '0') as lsn
      from (select pg_current_wal_lsn()::text as l) as s`);
    ends.push(row?.lsn.toUpperCase() ?? '');
  }
  await until(() => headers.length === 5, 'the envelopes');
  for (const [n, lsn] of headers.entries())
    t.ok(lsn <= (ends[n] as string) && (n === 0 || lsn > (headers[n - 1] as string)));
  t.match(parseMessageId('abc123-0000000000000010-h7-0000000000000008-2'), {
    heartbeat: true,
    envelope: { ordinal: 2 },
  });
  await bus.close();
});

t.test('mints an epoch and resyncs all clients after a lost slot or stream', async (t) => {
  const service = await startTestRealtime();
  t.teardown(() => service.stop());
  const epochs = () =>
    service.sql<{ epoch: string; reason: string }>('select epoch, reason from tidemark.epochs order by 1');
  const client = await new LiveClient(service.url).open();
  await client.subscribe('s', 'commentary');
  await service.sql('insert into commentary (match_id) values (1)');
  await client.change(() => true);
  t.equal((await epochs()).length, 1);

  await until(async () => {
    await service.sql(
      `select pg_terminate_backend(active_pid, 1000) from pg_replication_slots where database = current_database() and active_pid is not null`,
    );
    return service
      .sql(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`)
      .then(
        () => true,
        () => false,
      );
  }, 'the slot to be dropped');
  await client.frame((frame) => frame.op === 'resync');
  t.match((await epochs()).at(-1), { reason: /slot/ });
  await until(async () => (await service.realtime.health.problems()).length === 0, 'the service to be ready');
  await client.subscribe('s', 'commentary', { snapshot: true });
  await service.sql('insert into commentary (match_id) values (2)');
  await client.change((change) => change.row?.match_id === 2);

  const bus = await busOf(service);
  const from = client.frames.length;
  await clientOf(bus).jsm.streams.delete(bus.subjects.streams.changes);
  await client.frame((frame) => frame.op === 'resync', from);
  // Readers see that the stream was replaced before the relay has written down why.
  await until(async () => /stream/.test((await epochs()).at(-1)?.reason ?? ''), 'the new epoch');
  await until(async () => (await service.realtime.health.problems()).length === 0, 'the service to be ready');
  await client.subscribe('s', 'commentary', { snapshot: true });
  await service.sql('insert into commentary (match_id) values (3)');
  await client.change((change) => change.row?.match_id === 3);
  await bus.close();
  await client.close();
});
