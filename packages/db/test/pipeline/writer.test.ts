import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { AnswerBudget } from '../../src/connection/answer-budget.ts';
import { PreparedBudget } from '../../src/connection/prepared-budget.ts';
import { PipelinedRead, type PipelineRequest } from '../../src/pipeline/pipelined-read.ts';
import { PipelineStatements } from '../../src/pipeline/prepared-statements.ts';
import { PipelineWriter } from '../../src/pipeline/writer.ts';
import { PoolMeter } from '../../src/pool/meter.ts';
import { frontendMessages } from './frontend-messages.ts';

const MIB = 1024 ** 2;

/** A writer whose messages are kept; `sent()` returns those of the turns that have ended. Names count from 1 in each. */
function open() {
  const writes: Buffer[] = [];
  const socket = { destroyed: false, write: (bytes: Buffer) => writes.push(bytes) > 0 };
  const connection = { schemaChanges: 0, isGone: false, add: () => !connection.isGone };
  const statements = new PipelineStatements(new PreparedBudget(MIB), new PoolMeter());
  const expected: PipelinedRead[] = [];
  const writer = new PipelineWriter(connection, socket, statements, { expect: (read) => expected.push(read) });
  const names = new Map<string, string>();
  const sent = async () => {
    await turn();
    return writes.splice(0).map((bytes) =>
      frontendMessages(bytes).map((message) =>
        message
          .replace(/pipeline\d+/g, (name) => names.get(name) ?? names.set(name, `s${names.size + 1}`).get(name)!)
          .replace(/: select where set_config.*/, ': identity')
          .replace(/: select pg_snapshot_xmin.*/, ': identity with xmin'),
      ),
    );
  };
  const send = (request: Partial<PipelineRequest> & { sub?: string } = {}) => {
    const identity = { role: 'r', claims: request.sub ?? 'ada' };
    const defaults = { identity, text: 'select 1', params: [], wantsXmin: false, sessionSafe: true, client: undefined };
    const read = new PipelinedRead({ ...defaults, ...request }, undefined, new AnswerBudget(), () => undefined);
    writer.send(read, 0);
    return read;
  };
  /** As the reader does when everything was answered. */
  const answerAll = () => {
    for (const { setter, prepared } of expected.splice(0)) {
      if (setter) setter.state = 'ready';
      if (prepared) prepared.state = 'ready';
    }
  };
  return { connection, socket, writer, statements, send, sent, answerAll };
}

const FIRST = [
  'Parse s1: identity',
  "Bind s1('ada', 'r')",
  'Execute',
  'Parse s2: select 1',
  'Describe s2',
  'Bind s2()',
  'Execute',
  'Sync',
];
const PREPARED = ["Bind s1('ada', 'r')", 'Execute', 'Bind s2()', 'Execute'];

t.test('the first read prepares the identity and its statement; the next ones use them', async (t) => {
  const { send, sent, answerAll } = open();
  send();
  t.same(await sent(), [FIRST]);
  answerAll();
  send({ sessionSafe: false });
  t.same(await sent(), [[...PREPARED, 'Sync']]);
});

t.test('until preparing is confirmed, other reads parse for themselves alone, unnamed', async (t) => {
  const { send, sent } = open();
  send();
  send();
  const alone = ['Parse : identity', "Bind ('ada', 'r')", 'Execute', 'Parse : select 1', 'Describe ', 'Bind ()'];
  t.same(await sent(), [[...FIRST, ...alone, 'Execute', 'Sync']]);
});

t.test('session-safe reads of one turn share a transaction, and the identity where it is the same', async (t) => {
  const { send, sent, answerAll } = open();
  send();
  await sent();
  answerAll();
  const [first, same, other] = [send(), send(), send({ sub: 'bob' })];
  t.same(await sent(), [
    [...PREPARED, 'Bind s2()', 'Execute', "Bind s1('bob', 'r')", 'Execute', 'Bind s2()', 'Execute', 'Sync'],
  ]);
  t.same(
    [first, same, other].map(({ isLast }) => isLast),
    [false, false, true],
  );
  t.same(
    [first, same, other].map(({ completed }) => completed),
    [0, 1, 0],
  );
  send();
  t.same(await sent(), [[...PREPARED, 'Sync']], 'a turn later it is another transaction');
});

t.test('eight reads at the most share a transaction', async (t) => {
  const { send, sent, answerAll, writer } = open();
  send();
  await sent();
  answerAll();
  for (let i = 0; i < 8; i++) {
    t.equal(writer.hasRoom, i > 0);
    send();
  }
  t.equal(writer.hasRoom, false);
  send();
  const [messages] = await sent();
  t.equal(messages!.filter((message) => message === 'Sync').length, 2);
});

t.test('a read that is not session-safe shares no transaction, with those before it or behind it', async (t) => {
  const { send, sent, answerAll } = open();
  send();
  await sent();
  answerAll();
  send();
  send({ sessionSafe: false });
  send();
  t.same(await sent(), [[...PREPARED, 'Sync', ...PREPARED, 'Sync', ...PREPARED, 'Sync']]);
});

t.test('identities with different settings share no transaction', async (t) => {
  const { send, sent, answerAll } = open();
  const withSetting = (name: string) => ({ identity: { role: 'r', claims: 'ada', settings: { [name]: 'x' } } });
  send(withSetting('a.b'));
  await sent();
  answerAll();
  send(withSetting('a.b'));
  send(withSetting('a.c'));
  const [messages] = await sent();
  t.equal(messages!.filter((message) => message === 'Sync').length, 2);
});

t.test('a role prepares its own statement, and one with xmin has its own identity statement', async (t) => {
  const { send, sent, answerAll } = open();
  send();
  await sent();
  answerAll();
  send({ identity: { role: 'q', claims: 'ada' } });
  t.same((await sent())[0]!.slice(0, 3), ["Bind s1('ada', 'q')", 'Execute', 'Parse s3: select 1']);
  send({ wantsXmin: true });
  t.same((await sent())[0]!.slice(0, 2), ['Parse s4: identity with xmin', "Bind s4('ada', 'r')"]);
});

t.test('a forgotten statement is closed first in a transaction, and prepared under another name', async (t) => {
  const { send, sent, answerAll, statements } = open();
  const { prepared } = send();
  await sent();
  answerAll();
  statements.forget('r', 'select 1', prepared!);
  send();
  t.same(await sent(), [
    ['Close s2', "Bind s1('ada', 'r')", 'Execute', 'Parse s3: select 1', 'Describe s3', 'Bind s3()', 'Execute', 'Sync'],
  ]);
});

t.test('after a change of the schema every statement is prepared anew', async (t) => {
  const { send, sent, answerAll, connection } = open();
  send();
  await sent();
  answerAll();
  connection.schemaChanges++;
  send();
  t.same((await sent())[0]!.slice(0, 4), ['Close s2', "Bind s1('ada', 'r')", 'Execute', 'Parse s3: select 1']);
});

t.test(
  'nothing is sent for a refused role, on a connection that is gone, or on a socket that was destroyed',
  async (t) => {
    const { send, sent, connection, socket } = open();
    t.throws(() => send({ identity: { role: 'none', claims: '{}' } }), { code: 'DB_ROLE_REFUSED' });
    connection.isGone = true;
    send();
    connection.isGone = false;
    t.same(await sent(), []);
    send();
    socket.destroyed = true;
    t.same(await sent(), []);
  },
);
