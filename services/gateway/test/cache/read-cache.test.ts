/** The entries themselves: what counts, what is shared, and for how long anybody waits for another. */
import t from 'tap';
import type { CachedAnswer, CacheRequest, Filled } from '../../src/cache/cached-answer.ts';
import { InvalidationClock } from '../../src/cache/invalidation-clock.ts';
import { ReadCache } from '../../src/cache/read-cache.ts';

const EPOCH = 'epoch0001';
const at = (lsn: bigint) => `${EPOCH}-${lsn.toString(16).toUpperCase().padStart(16, '0')}`;

function useCache(maxBytes = 100_000) {
  const clock = new InvalidationClock();
  clock.heartbeat(EPOCH, 100n, 0n);
  clock.loadSchema(100n);
  clock.confirmSchema(100n);
  const cache = new ReadCache({
    clock,
    maxBytes,
    maxEntryBytes: maxBytes,
    maxEntries: 100,
    ttlMs: 60_000,
    waitMs: 50,
    paused: () => undefined,
  });
  return { clock, cache };
}

function request(
  clock: InvalidationClock,
  fill: () => Promise<Filled<CachedAnswer>>,
  more: Partial<CacheRequest<CachedAnswer>> = {},
) {
  const reads = { tables: new Set(['a']), oids: new Set([1]), personal: false, stamps: '1:1' };
  const client = { isGone: false, onGone: () => () => undefined };
  return { key: 'k', client, claims: '{}', reads, generation: clock.generation, asked: undefined, fill, ...more };
}

const filled = (body: string, proven: bigint, guard = '1:1'): Filled<CachedAnswer> => ({
  answer: { body, rows: 1, total: null, etag: `"${body}"` },
  tidemark: at(proven),
  proven: at(proven),
  source: 'replica',
  guard,
});

t.test('no read waits for an equal one longer than the limit, and the other one continues', async (t) => {
  const { clock, cache } = useCache();
  let land = (_answer: Filled<CachedAnswer>) => {};
  const slow = new Promise<Filled<CachedAnswer>>((resolve) => {
    land = resolve;
  });
  const first = cache.read(request(clock, () => slow));
  const second = cache.read(request(clock, async () => t.fail('a second statement') as never));
  await t.rejects(second, { code: 'GATEWAY_CACHE_WAIT', status: 503 });
  land(filled('late', 100n));
  t.equal((await first).status, 'fwd=uri-miss; stored');
});

t.test('an answer under another schema is neither kept nor shared', async (t) => {
  const { clock, cache } = useCache();
  const asked = [1, 2].map((n) => cache.read(request(clock, async () => filled(`own ${n}`, 100n, '1:2'))));
  const bodies = (await Promise.all(asked)).map(({ answer }) => answer.body);
  t.same(bodies, ['own 1', 'own 2']);
  t.equal(cache.stats().entries, 0);
});

t.test('does not keep an answer if a change or a new schema came during the read', async (t) => {
  const { clock, cache } = useCache();
  const overtaken = await cache.read(
    request(clock, async () => {
      clock.change(EPOCH, 'a', 120n);
      cache.dropTable('a', 120n);
      return filled('old', 110n);
    }),
  );
  t.equal(overtaken.status, 'fwd=uri-miss');
  const other = await cache.read(
    request(clock, async () => {
      clock.loadSchema(100n);
      clock.confirmSchema(130n);
      return filled('by the old facts', 125n);
    }),
  );
  t.equal(other.status, 'fwd=uri-miss');
  const counts = await cache.read(request(clock, async () => filled('new', 120n)));
  t.equal(counts.status, 'fwd=uri-miss; stored', 'its own change is in it');
  cache.dropTable('a', 120n);
  t.equal(cache.stats().entries, 1, 'a change that it includes does not drop it');
});

t.test('a hit has the position up to which it is valid, and serves requests for no later one', async (t) => {
  const { clock, cache } = useCache();
  await cache.read(request(clock, async () => filled('x', 100n)));
  clock.heartbeat(EPOCH, 150n, 0n);
  t.equal(cache.hit(request(clock, never))?.tidemark, at(100n), 'the schema is not known further');
  clock.confirmSchema(140n);
  t.equal(cache.hit(request(clock, never))?.tidemark, at(140n));
  t.ok(cache.hit(request(clock, never, { asked: at(140n) })));
  t.notOk(cache.hit(request(clock, never, { asked: at(141n) })));
  t.notOk(cache.hit(request(clock, never, { asked: 'epoch0002-0000000000000001' })));
});

t.test('identities do not share entries that depend on claims', async (t) => {
  const { clock, cache } = useCache();
  const reads = { tables: new Set(['a']), oids: new Set([1]), personal: true, stamps: '1:1' };
  await cache.read(request(clock, async () => filled('ada', 100n), { reads, claims: 'ada' }));
  t.ok(cache.hit(request(clock, never, { reads, claims: 'ada' })));
  t.notOk(cache.hit(request(clock, never, { reads, claims: 'bob' })));
});

async function never(): Promise<Filled<CachedAnswer>> {
  throw new Error('nothing should be read');
}
