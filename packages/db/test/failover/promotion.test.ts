import { until } from '@tidemark/testing';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import { judgePromotion, type PresentPrimary, type PromotedServer } from '../../src/failover/promotion.ts';
import { as, openOwnDatabase } from '../open-test-database.ts';

const GONE: PresentPrimary = { goneMs: 3_000, timeline: 1, systemIdentifier: 's', epoch: 'aaaaaaaaa' };
const HERE: PresentPrimary = { ...GONE, goneMs: undefined };
const NEW: PromotedServer = { timeline: 2, systemIdentifier: 's', epoch: 'aaaaaaaaa', epochTimeline: 1 };
const FOLLOWED: PromotedServer = { ...NEW, epoch: 'bbbbbbbbb', epochTimeline: 2 };
const stay = (reason: RegExp) => ({ kind: 'stay', reason });
const follow = (index: number, mint: boolean) => ({ kind: 'follow', index, mint });

t.test('follows a promoted replica only when it is the one new primary', async (t) => {
  const cases: [what: string, PresentPrimary, (PromotedServer | undefined)[], object][] = [
    ['nothing promoted', GONE, [undefined], stay(/no replica/)],
    ['the primary is gone', GONE, [undefined, NEW], follow(1, true)],
    ['it is there', HERE, [NEW], stay(/still answers/)],
    ['it is gone for a moment', { ...GONE, goneMs: 500 }, [NEW], stay(/moment/)],
    ['someone has moved there', HERE, [FOLLOWED], follow(0, false)],
    ['two were promoted', GONE, [NEW, NEW], stay(/several/)],
    ['two, and one was moved to', GONE, [NEW, FOLLOWED], follow(1, false)],
    ['two, both moved to', GONE, [FOLLOWED, FOLLOWED], stay(/both/)],
    [
      'two moved to, one after the other',
      GONE,
      [FOLLOWED, { ...FOLLOWED, timeline: 3, epochTimeline: 3 }],
      follow(1, false),
    ],
    ['another cluster', GONE, [{ ...NEW, systemIdentifier: 'other' }], stay(/no replica/)],
    ['the old primary, back again', { ...HERE, timeline: 2 }, [{ ...NEW, timeline: 1 }], stay(/no replica/)],
    ['one that was promoted long ago', GONE, [{ ...NEW, epoch: 'aaaaaaaa0' }], stay(/present one/)],
    [
      'never reached, promoted',
      { ...GONE, timeline: undefined, systemIdentifier: undefined, epoch: undefined },
      [NEW],
      follow(0, true),
    ],
  ];
  for (const [what, primary, promoted, expected] of cases)
    t.match(judgePromotion(primary, promoted, 2_000), expected, what);
});

const insert = (body: string) => ({ text: "insert into notes (owner, body) values ('a', $1)", params: [body] });
const bodies = { text: 'select body from notes order by body' };

t.test('moves writes to a promoted replica once the primary is gone, and never back', async (t) => {
  const { db, stack, url, replicaUrl, events } = await openOwnDatabase(t, { failoverAfterMs: 300 });
  const replica = stack.replicas[0]!;
  const write = (body: string) => db.write({ identity: as('a'), statements: [insert(body)] });
  const first = await write('1: replicated');
  await replica.caughtUp();

  // Promoted while the primary still answers: everyone stays where they are.
  await replica.promote();
  await until(() => events.some(({ type }) => type === 'db.promotion_ignored'), 'it is noticed');
  t.match(
    events.find(({ type }) => type === 'db.promotion_ignored'),
    { reason: /still answers/ },
  );
  t.match(db.replicaStats()[0], { healthy: false, reason: /promoted.*timeline 2/ });
  const lost = await write('2: on the old primary alone');
  t.equal(db.primaryUrl(), url);
  const oldEpoch = db.epoch();

  let failed = 0;
  const acknowledged: string[] = [];
  let isOver = false;
  const clients = Array.from({ length: 8 }, async (_, c) => {
    for (let n = 0; !isOver; n++) {
      const body = `3: ${c}:${n}`;
      await write(body).then(
        () => acknowledged.push(body),
        () => {
          failed++;
          return new Promise((resolve) => setTimeout(resolve, 10));
        },
      );
    }
  });
  await stack.primary.stop('immediate');
  const stoppedAt = performance.now();
  await until(() => events.some(({ type }) => type === 'db.primary_moved'), 'it is followed');
  const movedAfter = Math.round(performance.now() - stoppedAt);
  acknowledged.length = 0;
  await until(() => acknowledged.length > 50, 'writes go on');
  t.comment(`followed ${movedAfter} ms after the primary had stopped, ${failed} writes failed`);
  t.equal(db.primaryUrl(), replicaUrl);
  t.ok(db.epoch() > oldEpoch, 'under a new epoch');

  for (const { tidemark } of [first, lost]) {
    const read = db.read({ identity: as('a'), statement: bodies, tidemark });
    await t.rejects(read, { code: 'DB_EPOCH_CHANGED', status: 412 }, 'tidemarks of the old history are refused');
  }
  const { tidemark } = await write('4: new');
  t.ok(tidemark.startsWith(db.epoch()));
  const after = await db.read({ identity: as('a'), statement: bodies, tidemark });
  t.match(
    after.rows.map(({ body }) => body).filter((body: string) => !body.startsWith('3')),
    ['1: replicated', '4: new'],
  );

  // The old primary comes back and would accept writes; none of our pools sends it any.
  await stack.primary.start();
  await until(() => /timeline 1/.test(db.replicaStats()[0]?.reason ?? ''), 'it is seen');
  await write('5: still here');
  isOver = true;
  await Promise.all(clients);
  t.equal(db.primaryUrl(), replicaUrl);
  const [there] = await stack.primary.query<{ n: number }>("select count(*)::int as n from notes where body ~ '^[45]'");
  t.equal(there!.n, 0, 'nothing more was written to the old one');

  // An instance that starts now with the old addresses follows the others, though the old primary runs.
  const late = await openDatabase({ primaryUrl: url, replicaUrls: [replicaUrl], applicationName: 'late' });
  t.teardown(() => late.close());
  t.equal(late.primaryUrl(), replicaUrl);
  t.equal(late.epoch(), db.epoch());
  const kept = (await late.pools.write.query('select body from notes')).map(({ body }) => body);
  t.same(
    acknowledged.filter((body) => !kept.includes(body)),
    [],
    'every acknowledged write is there',
  );
  t.ok(kept.includes('5: still here'));
});
