import fc from 'fast-check';
import t from 'tap';
import { AnswerBudget, UNCOUNTED_BYTES } from '../../src/connection/answer-budget.ts';
import { type Pending, PendingQueries } from '../../src/connection/pending-queries.ts';
import { PipelinedRead, type Prepared, SKIPPED } from '../../src/pipeline/pipelined-read.ts';
import { PipelineReader } from '../../src/pipeline/reader.ts';
import * as backend from './backend-messages.ts';

const TEXT = 25;
const INT4 = 23;

/** The parts of a connection that the reader uses. */
class Connection {
  readonly answers: AnswerBudget;
  readonly pending = new PendingQueries();
  discarded: Error | undefined;

  constructor(answers = new AnswerBudget()) {
    this.answers = answers;
  }

  remove(pending: Pending): boolean {
    return this.pending.remove(pending);
  }

  discard(error: Error): void {
    this.discarded ??= error;
    for (const pending of this.pending.takeAll()) pending.done(undefined, error);
  }
}

function open(answers?: AnswerBudget) {
  const connection = new Connection(answers);
  const forgotten: string[] = [];
  const reader = new PipelineReader(connection, { forget: (role, text) => forgotten.push(`${role} ${text}`) });
  const done: PipelinedRead[] = [];
  const expect = (settings: Partial<PipelinedRead> = {}, text = 'select') => {
    const request = {
      identity: { role: 'r', claims: '{}' },
      text,
      params: [],
      wantsXmin: false,
      sessionSafe: true,
      client: undefined,
    };
    const read = new PipelinedRead(request, undefined, connection.answers, (settled) => done.push(settled));
    Object.assign(read, { columns: [{ name: 'a', parse: undefined }], ...settings });
    connection.pending.add(read, 0);
    reader.expect(read);
    return read;
  };
  return { connection, reader, expect, done, forgotten };
}

const outcome = ({ error, rows, xmin }: PipelinedRead) =>
  error === undefined
    ? { rows: [...rows], xmin }
    : { error: error === SKIPPED ? 'SKIPPED' : (error as { code?: string }).code };

const { bindComplete, commandComplete, dataRow, errorResponse, parseComplete, readyForQuery } = backend;
const setter = [bindComplete, commandComplete('SELECT 0')];
const setterParsed = [parseComplete, ...setter];
const answer = (...values: string[]) => [bindComplete, ...values.map((value) => dataRow(value)), commandComplete()];
const rows = (...values: string[]) => ({ rows: values.map((a) => ({ a })), xmin: '' });

/** Two reads of one transaction, of which the second has the same identity as the first. */
const SHARED = [{ isLast: false }, { completed: 1 }];

const ORDERS: [name: string, reads: Partial<PipelinedRead>[], messages: Buffer[], expected: unknown[]][] = [
  ['identity and read are prepared', [{}], [...setter, ...answer('x'), readyForQuery], [rows('x')]],
  [
    'identity and read are parsed',
    [{}],
    [
      ...setterParsed,
      parseComplete,
      backend.parameterDescription,
      backend.rowDescription({ b: INT4 }),
      bindComplete,
      dataRow('7'),
      commandComplete(),
      readyForQuery,
    ],
    [{ rows: [{ b: 7 }], xmin: '' }],
  ],
  ['a read without rows', [{}], [...setter, ...answer(), readyForQuery], [rows()]],
  [
    'a statement without columns',
    [{}],
    [...setter, parseComplete, backend.noData, bindComplete, commandComplete('SET'), readyForQuery],
    [rows()],
  ],
  [
    'an empty statement',
    [{}],
    [...setter, parseComplete, backend.noData, bindComplete, backend.emptyQueryResponse, readyForQuery],
    [rows()],
  ],
  [
    'the identity returns the xmin',
    [{}],
    [bindComplete, dataRow('753'), commandComplete(), ...answer('x'), readyForQuery],
    [{ rows: [{ a: 'x' }], xmin: '753' }],
  ],
  ['statements are closed first', [{}], [backend.closeComplete, ...setter, ...answer('x'), readyForQuery], [rows('x')]],
  [
    'notices and parameter changes between',
    [{}],
    [backend.notice('n'), ...setter, bindComplete, backend.notice('n'), dataRow('x'), commandComplete(), readyForQuery],
    [rows('x')],
  ],
  [
    'the read fails before BindComplete',
    [{}],
    [...setter, errorResponse('22P02'), readyForQuery],
    [{ error: '22P02' }],
  ],
  [
    'the read fails behind its rows',
    [{}],
    [...setter, bindComplete, dataRow('x'), errorResponse('22012'), readyForQuery],
    [{ error: '22012' }],
  ],
  ['the identity fails', [{}], [errorResponse('22023'), readyForQuery], [{ error: '22023' }]],
  [
    'two transactions, of which the first fails',
    [{}, {}],
    [...setter, errorResponse('22012'), readyForQuery, ...setter, ...answer('y'), readyForQuery],
    [{ error: '22012' }, rows('y')],
  ],
  ['a shared transaction', SHARED, [...setter, ...answer('x'), ...answer('y'), readyForQuery], [rows('x'), rows('y')]],
  [
    'a shared transaction with two identities',
    [{ isLast: false }, {}],
    [...setter, ...answer('x'), ...setter, ...answer('y'), readyForQuery],
    [rows('x'), rows('y')],
  ],
  [
    'a shared transaction passes the xmin on',
    SHARED,
    [bindComplete, dataRow('9'), commandComplete(), ...answer('x'), ...answer('y'), readyForQuery],
    [
      { rows: [{ a: 'x' }], xmin: '9' },
      { rows: [{ a: 'y' }], xmin: '9' },
    ],
  ],
  [
    'the first of a shared transaction fails',
    SHARED,
    [...setter, errorResponse('22012'), readyForQuery],
    [{ error: '22012' }, { error: 'SKIPPED' }],
  ],
  [
    'the last of a shared transaction fails',
    SHARED,
    [...setter, ...answer('x'), errorResponse('22012'), readyForQuery],
    [rows('x'), { error: '22012' }],
  ],
  ['a message that no read has', [{}], [...setter, backend.copyOutResponse], [{ error: 'DB_LANE_PROTOCOL' }]],
  [
    'a transaction that stays open',
    [{}],
    [...setter, ...answer('x'), backend.inTransaction],
    [{ error: 'DB_LANE_PROTOCOL' }],
  ],
  [
    'the backend is ended',
    [{}, {}],
    [...setter, backend.fatalResponse('57P01')],
    [{ error: '57P01' }, { error: '57P01' }],
  ],
];

t.test('settles reads by their messages, in every order that Postgres sends', async (t) => {
  for (const [name, reads, messages, expected] of ORDERS) {
    const { reader, expect, done } = open();
    const sent = reads.map((settings) => expect(settings));
    reader.onData(Buffer.concat(messages));
    t.same(sent.map(outcome), expected, name);
    t.equal(done.length, reads.length, `${name}: each read settles once`);
  }
});

t.test('gives the same results however the network splits the bytes', async (t) => {
  const order = fc.constantFrom(...ORDERS.slice(0, -3));
  const property = fc.property(
    fc.array(order, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat(40)),
    (orders, cuts) => {
      const { reader, expect } = open();
      const sent = orders.flatMap(([, reads]) => reads.map((settings) => expect(settings)));
      const bytes = Buffer.concat(orders.flatMap(([, , messages]) => messages));
      let from = 0;
      for (let i = 0; from < bytes.length; i++) {
        const end = from + (cuts[i] ?? bytes.length);
        // A copy, since the chunks of a socket do not share their memory.
        reader.onData(Buffer.from(bytes.subarray(from, end)));
        from = end;
      }
      t.strictSame(
        sent.map(outcome),
        orders.flatMap(([, , , expected]) => expected),
      );
    },
  );
  fc.assert(property, { numRuns: 300 });
});

t.test('more transactions than the list keeps are settled in order', async (t) => {
  const { reader, expect } = open();
  const sent: PipelinedRead[] = [];
  for (let i = 0; i < 200; i++) {
    sent.push(expect(), expect());
    reader.onData(Buffer.concat([...setter, ...answer(`${i}`), readyForQuery]));
  }
  t.same(sent.slice(0, 3).map(outcome), [rows('0'), rows('1'), rows('2')]);
  t.equal(sent[199]!.rows[0]!.a, '199');
  t.equal(sent[200]!.error, undefined);
});

t.test('a prepared statement becomes ready, and absent again when preparing failed', async (t) => {
  const prepared = (): Prepared => ({ name: 'p', state: 'parsing', columns: [] });
  const [set, statement] = [prepared(), prepared()];
  const { reader, expect } = open();
  expect({ setter: set, prepared: statement });
  const described = [parseComplete, backend.rowDescription({ a: TEXT }), bindComplete, dataRow('x'), commandComplete()];
  reader.onData(Buffer.concat([...setterParsed, ...described, readyForQuery]));
  t.match([set, statement], [{ state: 'ready' }, { state: 'ready', columns: [{ name: 'a' }] }]);
  const failing = prepared();
  expect({ prepared: failing });
  reader.onData(Buffer.concat([...setter, errorResponse('42601'), readyForQuery]));
  t.equal(failing.state, 'absent');
});

t.test('a stale statement is forgotten; a stale identity ends the pipeline', async (t) => {
  const statement: Prepared = { name: 'p', state: 'ready', columns: [] };
  const { reader, expect, forgotten } = open();
  expect({ prepared: statement, reused: true }, 'select 1');
  const stale = errorResponse('26000', 'RFetchPreparedStatement\0');
  reader.onData(Buffer.concat([...setter, stale, readyForQuery]));
  t.same(forgotten, ['r select 1']);
  t.equal(reader.isBroken, false);
  expect();
  reader.onData(Buffer.concat([stale, readyForQuery]));
  t.equal(reader.isBroken, true);
});

t.test(
  'an answer that is too large is refused at the header of the row, and the other reads are skipped',
  async (t) => {
    const { reader, expect, connection } = open(new AnswerBudget(UNCOUNTED_BYTES, 4 * UNCOUNTED_BYTES));
    const [large, next] = [expect(), expect()];
    const row = dataRow('x'.repeat(UNCOUNTED_BYTES + 1));
    reader.onData(Buffer.concat([...setter, bindComplete, row.subarray(0, 5)]));
    t.same([large, next].map(outcome), [{ error: 'DB_ANSWER_BYTES' }, { error: 'SKIPPED' }]);
    t.equal(connection.discarded, SKIPPED);
    t.equal(connection.answers.stats().bytes, 0);
  },
);

t.test('a row that comes in parts is counted once', async (t) => {
  const size = 2 * UNCOUNTED_BYTES;
  const { reader, expect, connection } = open(new AnswerBudget(1.5 * size, 4 * size));
  const read = expect();
  const bytes = Buffer.concat([...setter, bindComplete, dataRow('x'.repeat(size))]);
  for (let at = 0; at < bytes.length; at += 1_000) reader.onData(Buffer.from(bytes.subarray(at, at + 1_000)));
  const held = connection.answers.stats().bytes;
  t.ok(held > size && held < size + 200, `${held}`);
  reader.onData(Buffer.concat([commandComplete(), readyForQuery]));
  t.equal(read.rows[0]!.a.length, size);
  t.equal(connection.answers.stats().bytes, 0);
});
