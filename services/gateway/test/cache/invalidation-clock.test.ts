/** The clock of the cache, as a table and against a model that remembers every change there ever was. */
import fc from 'fast-check';
import t from 'tap';
import { InvalidationClock, MAX_TABLES } from '../../src/cache/invalidation-clock.ts';

const EPOCH = 'epoch0001';

t.test('serves nothing before both the stream and the schema are known', async (t) => {
  const clock = new InvalidationClock();
  t.equal(clock.validTo, undefined);
  clock.heartbeat(EPOCH, 10n, 0n);
  t.equal(clock.validTo, undefined, 'the schema is not known');
  clock.loadSchema(12n);
  t.equal(clock.validTo, undefined, 'known at no position yet');
  clock.confirmSchema(15n);
  t.equal(clock.validTo, undefined, 'the stream is behind the schema');
  clock.heartbeat(EPOCH, 14n, 0n);
  t.equal(clock.validTo, 14n, 'the lesser of both');
  t.notOk(clock.admits(EPOCH, 11n, ['a']), 'read before the schema');
  t.ok(clock.admits(EPOCH, 12n, ['a']));
  t.notOk(clock.admits('epoch0002', 13n, ['a']), 'of another epoch');
});

t.test('a transaction that was half published when following began is below the floor', async (t) => {
  const clock = new InvalidationClock();
  clock.heartbeat(EPOCH, 10n, 20n);
  clock.loadSchema(1n);
  clock.confirmSchema(30n);
  t.equal(clock.validTo, undefined);
  clock.heartbeat(EPOCH, 25n, 20n);
  t.equal(clock.validTo, 25n);
  t.notOk(clock.admits(EPOCH, 19n, ['a']));
  t.ok(clock.admits(EPOCH, 20n, ['a']));
});

t.test('a lost stream, another epoch or another schema invalidates every entry', async (t) => {
  for (const lose of [
    (clock: InvalidationClock) => clock.lose(),
    (clock: InvalidationClock) => clock.heartbeat('epoch0002', 1n, 0n),
  ]) {
    const clock = serving(10n);
    const { generation } = clock;
    lose(clock);
    t.equal(clock.validTo, undefined);
    t.not(clock.generation, generation);
    t.notOk(clock.hasSchema, 'positions of another history prove nothing');
  }
  const clock = serving(10n);
  clock.loseSchema();
  t.equal(clock.validTo, undefined);
  t.ok(clock.isFollowing, 'the stream goes on');
});

t.test('raises the floor when more tables change than it keeps', async (t) => {
  const clock = serving(10n);
  for (let i = 0; i <= MAX_TABLES; i += 1) clock.change(EPOCH, `table ${i}`, 11n + BigInt(i));
  t.notOk(clock.admits(EPOCH, 12n, ['another']));
});

t.test('admits what includes every change of its tables, and nothing else', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('change'), table: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ kind: fc.constantFrom('heartbeat', 'read', 'confirm'), table: fc.constantFrom('a', 'b', 'c') }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat({ max: 6 })), (steps, lags) => {
      const clock = serving(100n);
      const history: { table: string; lsn: bigint }[] = [];
      let now = 100n;
      for (const { kind, table } of steps) {
        const lag = BigInt(lags.next().value as number);
        if (kind === 'change') {
          now += 1n + lag;
          history.push({ table, lsn: now });
          clock.change(EPOCH, table, now);
        } else if (kind === 'heartbeat') clock.heartbeat(EPOCH, now, now);
        else if (kind === 'confirm') clock.confirmSchema(now);
        else {
          const proven = now - lag;
          const current = history.every((change) => change.table !== table || change.lsn <= proven);
          const admitted = clock.admits(EPOCH, proven, [table]);
          if (admitted !== (current && proven >= 100n)) return false;
        }
        // An answer as of `validTo` includes every change up to it.
        if (clock.validTo !== undefined && clock.validTo > now) return false;
      }
      return true;
    }),
  );
});

function serving(lsn: bigint): InvalidationClock {
  const clock = new InvalidationClock();
  clock.heartbeat(EPOCH, lsn, 0n);
  clock.loadSchema(lsn);
  clock.confirmSchema(lsn);
  return clock;
}
