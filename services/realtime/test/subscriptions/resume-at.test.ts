import { parsePosition } from '@tidemark/contracts';
import t from 'tap';
import { resumeAt } from '../../src/subscriptions/resume-at.ts';

const EPOCH = '0mx3do40j';
const at = (lsn: number) => parsePosition(`${EPOCH}-${lsn.toString(16).toUpperCase().padStart(16, '0')}.FFFFFFFF`);
const refused = { kind: 'refused', reason: String };

t.test('resumes only after the position since which the definition has held', async (t) => {
  const facts = { since: 100n };
  t.match(resumeAt(at(101), facts, EPOCH), { kind: 'position', lsn: 101n });
  t.match(resumeAt(at(100), facts, EPOCH), refused, 'a snapshot by the former definition may be there, too');
  t.match(resumeAt(at(99), facts, EPOCH), refused);
});

t.test('resumes neither from another epoch nor where the position of the definition is not known', async (t) => {
  t.match(resumeAt(at(101), { since: 100n }, '0mx3do40k'), refused);
  t.match(resumeAt(at(101), { since: undefined }, EPOCH), refused);
});
