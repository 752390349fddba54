/** The clock of the cache, as a table and against a model that remembers every change there ever was. */
import fc from 'fast-check';
import t from 'tap';
import { MAX_TABLES, Tide } from '../../src/cache/invalidation-clock.ts';

const EPOCH = 'epoch0001';

t.test('serves nothing before both the stream and the schema are known', async (t) => {
  const tide = new Tide();
  t.equal(tide.validTo, undefined);
  tide.heartbeat(EPOCH, 10n, 0n);
  t.equal(tide.validTo, undefined, 'the schema is not known');
  tide.loadSchema(12n);
  t.equal(tide.validTo, undefined, 'known at no position yet');
  tide.confirmSchema(15n);
  t.equal(tide.validTo, undefined, 'the stream is behind the schema');
  tide.heartbeat(EPOCH, 14n, 0n);
  t.equal(tide.validTo, 14n, 'the lesser of both');
  t.notOk(tide.admits(EPOCH, 11n, ['a']), 'read before the schema');
  t.ok(tide.admits(EPOCH, 12n, ['a']));
  t.notOk(tide.admits('epoch0002', 13n, ['a']), 'of another epoch');
});

t.test('a transaction that was half published when following began is below the floor', async (t) => {
  const tide = new Tide();
  tide.heartbeat(EPOCH, 10n, 20n);
  tide.loadSchema(1n);
  tide.confirmSchema(30n);
  t.equal(tide.validTo, undefined);
  tide.heartbeat(EPOCH, 25n, 20n);
  t.equal(tide.validTo, 25n);
  t.notOk(tide.admits(EPOCH, 19n, ['a']));
  t.ok(tide.admits(EPOCH, 20n, ['a']));
});

t.test('a lost stream, another epoch and another schema begin anew', async (t) => {
  for (const lose of [(tide: Tide) => tide.lose(), (tide: Tide) => tide.heartbeat('epoch0002', 1n, 0n)]) {
    const tide = serving(10n);
    const { generation } = tide;
    lose(tide);
    t.equal(tide.validTo, undefined);
    t.not(tide.generation, generation);
    t.notOk(tide.hasSchema, 'positions of another history prove nothing');
  }
  const tide = serving(10n);
  tide.loseSchema();
  t.equal(tide.validTo, undefined);
  t.ok(tide.isFollowing, 'the stream goes on');
});

t.test('is bounded: more tables than it keeps raise the floor', async (t) => {
  const tide = serving(10n);
  for (let i = 0; i <= MAX_TABLES; i += 1) tide.change(EPOCH, `table ${i}`, 11n + BigInt(i));
  t.notOk(tide.admits(EPOCH, 12n, ['another']));
});

t.test('admits what includes every change of its tables, and nothing else', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('change'), table: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ kind: fc.constantFrom('heartbeat', 'read', 'confirm'), table: fc.constantFrom('a', 'b', 'c') }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat({ max: 6 })), (steps, lags) => {
      const tide = serving(100n);
      const history: { table: string; lsn: bigint }[] = [];
      let now = 100n;
      for (const { kind, table } of steps) {
        const lag = BigInt(lags.next().value as number);
        if (kind === 'change') {
          now += 1n + lag;
          history.push({ table, lsn: now });
          tide.change(EPOCH, table, now);
        } else if (kind === 'heartbeat') tide.heartbeat(EPOCH, now, now);
        else if (kind === 'confirm') tide.confirmSchema(now);
        else {
          const proven = now - lag;
          const current = history.every((change) => change.table !== table || change.lsn <= proven);
          const admitted = tide.admits(EPOCH, proven, [table]);
          if (admitted !== (current && proven >= 100n)) return false;
        }
        // What is served as of `validTo` has heard of every change up to it.
        if (tide.validTo !== undefined && tide.validTo > now) return false;
      }
      return true;
    }),
  );
});

function serving(lsn: bigint): Tide {
  const tide = new Tide();
  tide.heartbeat(EPOCH, lsn, 0n);
  tide.loadSchema(lsn);
  tide.confirmSchema(lsn);
  return tide;
}
