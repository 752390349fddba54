import t from 'tap';
import { type ContinuityFacts, judgeContinuity } from '../../src/relay/continuity.ts';

const facts: ContinuityFacts = {
  epoch: { epoch: 'mabc00001', systemIdentifier: '7', timeline: 1 },
  server: { systemIdentifier: '7', timeline: 1, flushedLsn: 1_000n },
  confirmedLsn: 500n,
  slotCreated: false,
  tail: { epoch: 'mabc00001', lsn: 600n, envelope: { lsn: 590n, ordinal: 3 }, heartbeat: true },
  lastSequence: 10,
};

t.test('continues the epoch where slot and stream fit', async (t) => {
  t.strictSame(judgeContinuity(facts), { kind: 'continue', after: { lsn: 590n, ordinal: 3 }, settled: 600n });
  const envelope = { lsn: 600n, ordinal: 1 };
  const torn = { ...facts, tail: { epoch: 'mabc00001', lsn: 600n, envelope, heartbeat: false } };
  t.strictSame(
    judgeContinuity(torn),
    { kind: 'continue', after: envelope, settled: 500n },
    'a transaction may go on behind its last envelope in the stream',
  );
  t.match(judgeContinuity({ ...facts, tail: undefined, slotCreated: true, lastSequence: 0 }), { kind: 'continue' });
  const minted = { ...facts, tail: { ...facts.tail!, epoch: 'mabc00000' } };
  t.strictSame(judgeContinuity(minted), { kind: 'continue', after: undefined, settled: 500n }, 'minted, then crashed');
});

const broken: [string, Partial<ContinuityFacts>, RegExp][] = [
  ['another cluster', { server: { ...facts.server, systemIdentifier: '8' } }, /cluster/],
  ['another timeline', { server: { ...facts.server, timeline: 2 } }, /timeline/],
  ['slot lost, stream there', { slotCreated: true }, /slot/],
  ['slot lost, stream emptied', { slotCreated: true, tail: undefined }, /slot/],
  ['stream emptied', { tail: undefined }, /empty/],
  ['stream never written, slot in use', { tail: undefined, lastSequence: 0 }, /empty/],
  ['tail lost', { tail: { ...facts.tail!, lsn: 499n } }, /end of the stream/],
  ['restored backup, same timeline', { tail: { ...facts.tail!, epoch: 'mabc00002' } }, /older/],
  ['stream ahead of the database', { server: { ...facts.server, flushedLsn: 599n } }, /ahead/],
];

t.test('mints an epoch where slot and stream do not fit', async (t) => {
  for (const [name, change, reason] of broken) {
    t.match(judgeContinuity({ ...facts, ...change }), { kind: 'mint', reason }, name);
  }
});
