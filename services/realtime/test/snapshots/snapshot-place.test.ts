import fc from 'fast-check';
import t from 'tap';
import { ChangeEnvelope } from '../../src/changes/envelope.ts';
import type { Feed } from '../../src/changes/feed.ts';
import { Ring } from '../../src/changes/ring.ts';
import { exactPlace, seenUpTo } from '../../src/snapshots/snapshot-place.ts';
import type { SnapshotVisibility } from '../../src/snapshots/snapshot-visibility.ts';

const TABLE = 'public\0things';
/** The LSN of the nth transaction, whose xid is n. */
const lsnOf = (n: number) => BigInt(n * 10);

/** Returns a feed of the transactions 1 to `count`, up to `lsn`. */
function feedOf(count: number, lsn: bigint): Feed {
  const ring = new Ring({ maxBytes: 1e9, maxAgeMs: 1e9 });
  ring.reset(0, 0n);
  for (let n = 1; n <= count; n += 1) {
    const fields = { sequence: n, epoch: 'e', lsn: lsnOf(n), xid: n, table: TABLE, receivedAt: Date.now() };
    if (fields.lsn <= lsn) ring.push(new ChangeEnvelope({ ...fields, bytes: new Uint8Array() }));
  }
  return { ring, lsn: () => lsn } as Feed;
}

function visibilityOf(count: number, running: readonly number[], after = 0n): SnapshotVisibility {
  const snapshot = { xmin: 1n, xmax: BigInt(count + 1), running: new Set(running.map(BigInt)) };
  return { kind: 'primary', snapshot, after, until: lsnOf(count) + 5n };
}

t.test('finds the place of a snapshot that lacks only the last transactions', async (t) => {
  const at = (running: number[]) => exactPlace(feedOf(5, 60n), TABLE, visibilityOf(5, running));
  t.equal(at([]), 55n, 'all are in it');
  t.equal(at([4, 5]), 39n, 'before the first that it lacks');
  t.equal(at([4]), undefined, 'it lacks one, and has a later one');
});

t.test('finds no place while the feed is behind or the ring has moved on', async (t) => {
  t.equal(exactPlace(feedOf(5, 54n), TABLE, visibilityOf(5, [])), undefined);
  const feed = feedOf(5, 60n);
  feed.ring.evict(Date.now() + 2e9);
  t.equal(exactPlace(feed, TABLE, visibilityOf(5, [])), undefined);
  t.equal(exactPlace(feed, TABLE, visibilityOf(5, [], 50n)), 55n, 'what is gone was known to be in it');
});

t.test('separates the transactions in the snapshot from the others, for any running ones', async () => {
  const running = fc.uniqueArray(fc.integer({ min: 1, max: 8 }));
  fc.assert(
    fc.property(running, (running) => {
      const visibility = visibilityOf(8, running);
      const feed = feedOf(8, 100n);
      const place = exactPlace(feed, TABLE, visibility);
      const first = Math.min(9, ...running);
      const isPrefix = running.length === 9 - first;
      const upTo = seenUpTo(feed, TABLE, visibility, { lsn: visibility.until, sequence: 0 });
      return isPrefix ? place === upTo && upTo >= lsnOf(first - 1) && upTo < lsnOf(first) : place === undefined;
    }),
  );
});
