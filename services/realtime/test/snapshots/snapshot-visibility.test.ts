import { parseXidSnapshot, widen } from '@tidemark/db';
import fc from 'fast-check';
import t from 'tap';
import { passed, seenThrough, undecided, type Visibility } from '../../src/snapshots/snapshot-visibility.ts';

t.test('decides by the running transactions of a primary’s snapshot', async (t) => {
  const visibility: Visibility = {
    kind: 'primary',
    snapshot: parseXidSnapshot('750:756:753,754'),
    after: 49n,
    until: 100n,
  };
  t.equal(seenThrough(visibility, { lsn: 50n, xid: 749 }), 'all');
  t.equal(seenThrough(visibility, { lsn: 90n, xid: 755 }), 'all');
  t.equal(seenThrough(visibility, { lsn: 50n, xid: 753 }), 'none', 'in the WAL already, not yet visible');
  t.equal(seenThrough(visibility, { lsn: 60n, xid: 756 }), 'none');
  t.equal(seenThrough(visibility, { lsn: 101n, xid: 749 }), 'none');
});

t.test('decides by the replay positions around a standby’s snapshot', async (t) => {
  const visibility: Visibility = { kind: 'standby', snapshot: parseXidSnapshot('750:756:'), after: 100n, until: 120n };
  t.equal(seenThrough(visibility, { lsn: 100n, xid: 753 }), 'all');
  t.equal(seenThrough(visibility, { lsn: 101n, xid: 749 }), 'all', 'ended before, though its place was not yet told');
  t.equal(seenThrough(visibility, { lsn: 110n, xid: 753 }), 'none');
  t.ok(undecided(visibility, { lsn: 110n, xid: 753 }));
  t.notOk(undecided(visibility, { lsn: 110n, xid: 756 }), 'began afterwards');
  t.notOk(undecided(visibility, { lsn: 121n, xid: 753 }));
});

t.test('passes the changes after a position, also inside its transaction', async (t) => {
  const visibility = { kind: 'position', lsn: 100n, index: 7 } as const;
  t.notOk(passed(visibility, 100n));
  t.ok(passed(visibility, 101n));
  t.equal(seenThrough(visibility, { lsn: 99n, xid: 1 }), 'all');
  t.equal(seenThrough(visibility, { lsn: 100n, xid: 1 }), 7);
  t.equal(seenThrough(visibility, { lsn: 101n, xid: 1 }), 'none');
});

t.test('extends 32-bit transaction ids, also across a wraparound', async (t) => {
  const turn = 5n << 32n;
  t.equal(widen(0xffff_fff0, turn + 10n), turn - 16n);
  t.equal(widen(5, turn - 10n), turn + 5n);
  t.equal(widen(5, turn + 10n), turn + 5n);
  fc.assert(
    fc.property(fc.bigInt(1n << 33n, 1n << 60n), fc.bigInt(-(1n << 31n) + 1n, (1n << 31n) - 1n), (near, offset) => {
      const full = near + offset;
      return widen(Number(full & 0xffff_ffffn), near) === full;
    }),
  );
});
