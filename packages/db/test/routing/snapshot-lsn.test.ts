import fc from 'fast-check';
import t from 'tap';
import { SnapshotLsnTracker } from '../../src/routing/snapshot-lsn.ts';

/**
 * A primary in miniature. A transaction gets an xid, then its commit record in the WAL, and only some time later becomes
 * visible: the steps of all transactions interleave as they like.
 */
interface Tx {
  xid: bigint;
  commitLsn: bigint | undefined;
  visible: boolean;
}

t.test('a snapshot sees everything up to its proven position, in any interleaving', async () => {
  const step = fc.oneof(
    fc.constant({ type: 'begin' as const }),
    fc.record({ type: fc.constant('commit' as const), pick: fc.nat() }),
    fc.record({ type: fc.constant('show' as const), pick: fc.nat() }),
    fc.constant({ type: 'position' as const }),
    fc.constant({ type: 'xid' as const }),
    fc.constant({ type: 'read' as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const snapshotLsn = new SnapshotLsnTracker();
      const all: Tx[] = [];
      let nextXid = 100n;
      let lsn = 1_000n;
      let position: bigint | undefined;
      for (const s of steps) {
        if (s.type === 'begin') all.push({ xid: nextXid++, commitLsn: undefined, visible: false });
        else if (s.type === 'commit') {
          const open = all.filter((tx) => tx.commitLsn === undefined);
          if (open.length > 0) open[s.pick % open.length]!.commitLsn = ++lsn;
        } else if (s.type === 'show') {
          const committed = all.filter((tx) => tx.commitLsn !== undefined && !tx.visible);
          if (committed.length > 0) committed[s.pick % committed.length]!.visible = true;
        } else if (s.type === 'position') position = lsn;
        else if (s.type === 'xid' && position !== undefined) {
          snapshotLsn.add({ at: 0, lsn: position, nextXid });
          position = undefined;
        } else if (s.type === 'read') {
          const running = all.filter((tx) => !tx.visible);
          // They are in the order of their xids.
          const xmin = running[0]?.xid ?? nextXid;
          const proven = snapshotLsn.provenBy(xmin);
          if (running.some((tx) => tx.commitLsn !== undefined && tx.commitLsn <= proven)) return false;
        }
      }
      return true;
    }),
    { numRuns: 2_000 },
  );
});

t.test('keeps a bounded number of samples, and dropping them only understates', async (t) => {
  const snapshotLsn = new SnapshotLsnTracker();
  for (let i = 1n; i <= 10_000n; i++) snapshotLsn.add({ at: Number(i), lsn: i, nextXid: i });
  t.ok(snapshotLsn.size <= 512);
  t.equal(snapshotLsn.provenBy(10_000n), 10_000n);
  for (const xmin of [1n, 77n, 5_000n, 9_999n]) t.ok(snapshotLsn.provenBy(xmin) <= xmin);
  t.equal(snapshotLsn.provenBy(0n), 0n);
});

t.test('starts again when the position goes back', async (t) => {
  const snapshotLsn = new SnapshotLsnTracker();
  snapshotLsn.add({ at: 1, lsn: 100n, nextXid: 10n });
  snapshotLsn.add({ at: 2, lsn: 50n, nextXid: 9n });
  t.equal(snapshotLsn.provenBy(99n), 50n);
});
