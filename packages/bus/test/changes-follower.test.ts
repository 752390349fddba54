/** Tests of a follower whose consumer or stream is lost. */

import { CHANGE_HEADERS, envelopeId, heartbeatId, lsnToHex, tableKey } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { clientOf } from '../src/client.ts';
import { type BusEvent, connectBus, type FollowOptions, followChanges } from '../src/index.ts';

async function openStream(t: Test) {
  const stack = await useTestStack();
  const events: BusEvent[] = [];
  const observe = (event: BusEvent) => events.push(event);
  const bus = await connectBus({ url: stack.natsUrl, name: 'test', prefix: stack.natsPrefix(), observe });
  const stream = bus.subjects.streams.changes;
  await bus.ensureChangesStream();
  t.teardown(async () => {
    await clientOf(bus)
      .jsm.streams.delete(stream)
      // The test may have deleted the stream.
      .catch(() => false);
    await bus.close();
  });
  const seen: string[] = [];
  const consumers = async () => (await clientOf(bus).jsm.streams.info(stream)).state.consumer_count;

  async function publish(subject: string, id: string, epoch: string, lsn: bigint): Promise<void> {
    const { id: idHeader, epoch: epochHeader, lsn: lsnHeader } = CHANGE_HEADERS;
    await bus.store(subject, '{}', { [idHeader]: id, [epochHeader]: epoch, [lsnHeader]: lsnToHex(lsn) });
  }

  return {
    bus,
    stream,
    events,
    seen,
    consumers,
    change: (lsn: bigint, { epoch = 'e1', table = 'plain' } = {}) =>
      publish(bus.subjects.changes('public', table), envelopeId(epoch, lsnToHex(lsn), 1), epoch, lsn),
    heartbeat: (lsn: bigint) =>
      publish(bus.subjects.heartbeat, heartbeatId('e1', lsnToHex(lsn), 1, undefined), 'e1', lsn),
    definitions: (lsn: bigint) => publish(bus.subjects.definitions, `e1-${lsnToHex(lsn)}-h0`, 'e1', lsn),
    /** Follows the stream and records its events in `seen`. */
    follow(options: FollowOptions = {}, onEnvelope: (lsn: bigint) => void = () => {}) {
      const follower = followChanges(
        bus,
        {
          onEnvelope({ sequence, table, lsn }) {
            onEnvelope(lsn);
            t.equal(table.split('\0')[0], 'public');
            seen.push(`${sequence} ${table.split('\0')[1]} ${lsn}`);
          },
          onHeartbeat: ({ sequence, lsn }) => seen.push(`${sequence} heartbeat ${lsn}`),
          onDefinitions: ({ sequence, lsn }) => seen.push(`${sequence} definitions ${lsn}`),
          onBreak: (reason) => seen.push(reason),
        },
        options,
      );
      t.teardown(() => follower.stop());
      return follower;
    },
  };
}

t.test('followChanges() starts after a sequence, some time back, or with the next message', async (t) => {
  const { bus, change, heartbeat, definitions, follow, seen, consumers } = await openStream(t);
  await change(10n);
  await heartbeat(20n);
  await definitions(20n);
  const follower = follow({ after: 1 });
  await until(() => seen.length === 2);
  t.same(seen.splice(0), ['2 heartbeat 20', '3 definitions 20']);
  t.same([follower.epoch(), follower.sequence(), follower.problem()], ['e1', 3, undefined]);
  await follower.stop();
  t.equal(await consumers(), 0);

  const back = follow({ lookbackMs: 60_000 });
  await until(() => seen.length === 3);
  t.same(seen.splice(0), ['1 plain 10', '2 heartbeat 20', '3 definitions 20']);
  await back.stop();

  const next = follow();
  t.match(next.problem(), /no heartbeat/);
  await until(async () => (await consumers()) === 1);
  await change(30n, { table: 'a.b' });
  await until(() => seen.length === 1);
  t.same(seen, ['4 a.b 30']);
  t.equal(tableKey('public', 'a.b'), 'public\0a.b');
  t.ok(bus.connected());
});

t.test('reports a missing message and a new epoch as breaks before the message that follows', async (t) => {
  const { bus, stream, events, change, follow, seen } = await openStream(t);
  for (const lsn of [1n, 2n, 3n]) await change(lsn);
  await clientOf(bus).jsm.streams.deleteMessage(stream, 2);
  follow({ lookbackMs: 60_000 });
  await until(() => seen.length === 3);
  await change(4n, { epoch: 'e2' });
  await until(() => seen.length === 5);
  t.same(seen, ['1 plain 1', 'changes were missed', '3 plain 3', 'the history was broken (new epoch)', '4 plain 4']);
  t.match(
    events.filter(({ type }) => type === 'changes.gap' || type === 'changes.epoch'),
    [
      { type: 'changes.epoch', from: null, to: 'e1' },
      { type: 'changes.gap', expected: 2, got: 3 },
      { type: 'changes.epoch', from: 'e1', to: 'e2' },
    ],
  );
});

t.test('follows a single subject without breaks caused by messages of other subjects', async (t) => {
  const { bus, change, heartbeat, follow, seen } = await openStream(t);
  follow({ lookbackMs: 60_000, subject: bus.subjects.changes('public', 'one') });
  await change(1n, { table: 'one' });
  await change(2n);
  await heartbeat(2n);
  await change(3n, { table: 'one' });
  await until(() => seen.length === 2);
  t.same(seen, ['1 one 1', '4 one 3']);
});

t.test('reports a replaced stream as a break and follows it from its start', async (t) => {
  const { bus, stream, change, follow, seen } = await openStream(t);
  follow({ lookbackMs: 60_000 });
  for (const lsn of [1n, 2n]) await change(lsn);
  await until(() => seen.length === 2);
  await clientOf(bus).jsm.streams.delete(stream);
  await bus.ensureChangesStream();
  await change(3n, { epoch: 'e2' });
  await until(() => seen.length === 4);
  t.same(seen.slice(2), ['the stream of changes was replaced', '1 plain 3']);
});

t.test('waits for a stream that does not exist yet without reporting a failure', async (t) => {
  const { bus, stream, events, change, follow, seen } = await openStream(t);
  await clientOf(bus).jsm.streams.delete(stream);
  follow({ lookbackMs: 60_000 });
  // The first look is answered before the stream is made: the connection keeps the order.
  await bus.ensureChangesStream();
  await change(1n);
  await until(() => seen.length === 1);
  t.same(
    events.filter(({ type }) => type === 'changes.failed'),
    [],
  );
});

t.test('replaces a deleted or silent consumer without a break', async (t) => {
  const { bus, stream, events, change, follow, seen } = await openStream(t);
  const follower = follow({ lookbackMs: 60_000 });
  await change(1n);
  await until(() => seen.length === 1);
  const { consumers } = clientOf(bus).jsm;
  for await (const { name } of consumers.list(stream)) await consumers.delete(stream, name);
  await change(2n);
  await until(() => seen.length === 2);
  const stalls = () => events.filter((e) => e.type === 'changes.failed' && /^no message arrived/.test(e.error.message));
  await until(() => stalls().length === 1);
  t.match(follower.problem(), /nothing has arrived from the relay/);
  await change(3n);
  await until(() => seen.length === 3);
  t.same(seen, ['1 plain 1', '2 plain 2', '3 plain 3']);
  t.equal(follower.problem(), undefined);
});

t.test('reports an exception of the reader as a break and continues with the next change', async (t) => {
  const { events, change, follow, seen } = await openStream(t);
  follow({ lookbackMs: 60_000 }, (lsn) => {
    if (lsn === 1n) throw new TypeError('not this one');
  });
  await change(1n);
  await change(2n);
  await until(() => seen.length === 2);
  t.same(seen, ['a change could not be read', '2 plain 2']);
  t.match(
    events.find(({ type }) => type === 'changes.failed'),
    { error: { message: 'not this one' } },
  );
});

t.test('leaves no consumer and calls no callback when stopped while connecting', async (t) => {
  const { change, follow, seen, consumers } = await openStream(t);
  await change(1n);
  await follow({ lookbackMs: 60_000 }).stop();
  t.equal(await consumers(), 0);
  await change(2n);
  t.same(seen, []);
});
