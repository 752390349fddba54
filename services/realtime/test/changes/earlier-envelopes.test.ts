/** Envelopes of earlier versions may still be in the stream after an upgrade; their exact values are unknown. */
import { ENVELOPE_FORM, parseLsn } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import t from 'tap';
import { ChangeEnvelope } from '../../src/changes/envelope.ts';
import type { LivePlan } from '../../src/query/live-plan.ts';
import { matchChange } from '../../src/query/row-match.ts';
import { visibleImages } from '../../src/rls/visible-images.ts';
import type { TableFacts } from '../../src/tables/table-facts.ts';

const policyReads = { columns: [], whole: false, tableOid: false };
const facts = {
  policy: 'true',
  policyColumns: ['data'],
  policyReads,
  columns: [],
  schema: 'public',
  key: ['id'],
  table: 'notes',
} as unknown as TableFacts;
const plan = {
  facts,
  columns: ['id'],
  select: [{ column: 'id', as: 'id' }],
  filter: { columns: [], passes: () => true },
} as unknown as LivePlan;
const untouched = { read: () => t.fail('nobody can be asked about it') } as unknown as Database;

const read = (form: string) => {
  const text = `{${form}"key":["id"],"changes":[{"type":"insert","index":0,"row":{"id":1,"data":null},"texts":{"data":"null"}}]}`;
  const envelope = new ChangeEnvelope({
    sequence: 1,
    epoch: 'e',
    lsn: parseLsn('0/1'),
    xid: 1,
    table: 'notes',
    receivedAt: 0,
    bytes: Buffer.from(text),
  });
  const [change] = envelope.body().changes;
  if (!change?.row) throw new Error('there is a row');
  return { envelope, change, row: change.row };
};

t.test('reads a value from its text, where the envelope has one', async (t) => {
  const { row } = read(`"form":${ENVELOPE_FORM},`);
  t.ok(row.hasTexts(['id', 'data']));
  t.equal(row.postgresText('id'), '1');
  t.equal(row.postgresText('data'), 'null', 'a JSON null, and no NULL');
  t.notOk(row.hasTexts(['missing']));
});

t.test('resyncs under row-level security for a row of an earlier version', async (t) => {
  const { envelope, change, row } = read('');
  const identity = { role: 'anon', claims: '{}' };
  const seen = await visibleImages(untouched, identity, facts, [row], envelope);
  t.same([seen.visible.size, seen.undecided.has(row)], [0, true]);
  const visible = (image: typeof row) => (seen.undecided.has(image) ? undefined : false);
  t.match(matchChange(plan, change, { visible }), { kind: 'resync' });
});
