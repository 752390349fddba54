import t from 'tap';
import { migrated } from '../migrated.ts';
import { rightsOf } from '../rights.ts';

const { url, db } = await migrated(t, 'corpus');

const as = (corpus_role: string) => ({
  role: 'authenticated',
  claims: { sub: 'ada', workspace_id: 1, corpus_role },
});

const identity = { role: 'authenticated', claims: JSON.stringify({ role: 'authenticated', ...as('reader').claims }) };
const write = (text: string) => db.write({ identity, statements: [{ text }] });

/** The rights of each role on the rows of its own workspace. With those of another, only the service may do anything. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  agents: { owner: 'select insert update', editor: 'select', reader: 'select' },
  corpora: { owner: 'select insert update delete', editor: 'select insert update', reader: 'select' },
  messages: { owner: 'select insert delete', editor: 'select insert', reader: 'select insert' },
  records: { owner: 'select insert update delete', editor: 'select insert update', reader: 'select' },
  runs: { owner: 'select insert', editor: 'select insert', reader: 'select' },
  // An editor and a reader change their own threads only, and none of the demo data is theirs.
  threads: { owner: 'select insert update delete', editor: 'select insert', reader: 'select insert' },
  workspaces: { owner: 'select', editor: 'select', reader: 'select', 'without a role': 'select' },
};
const SERVICE: Readonly<Record<string, string>> = { workspaces: 'select insert update' };

t.test('each role may do with each table of corpus what is written here, and nothing else', async (t) => {
  const callers = {
    anon: { role: 'anon' },
    'without a workspace': { role: 'authenticated', claims: { sub: 'ada', corpus_role: 'owner' } },
    'without a role': { role: 'authenticated', claims: { sub: 'ada', workspace_id: 1 } },
    reader: as('reader'),
    editor: as('editor'),
    owner: as('owner'),
    ops: { role: 'ops' },
    service_role: { role: 'service_role' },
  };
  const tables = Object.keys(ALLOWED);
  const lines = await rightsOf(url, {
    schema: 'corpus',
    tenantColumns: Object.fromEntries(tables.map((name) => [name, name === 'workspaces' ? 'id' : 'workspace_id'])),
    own: '1',
    other: '2',
    callers,
    fresh: {
      workspaces: { name: 'Evergreen' },
      threads: { author: 'ada' },
      messages: { role: 'user', author: 'ada' },
      corpora: { name: 'new' },
    },
    updated: { threads: 'state', workspaces: 'name' },
  });
  const expected = tables.flatMap((table) =>
    Object.keys(callers).flatMap((caller) => {
      const service = SERVICE[table] ?? 'select insert update delete';
      const isService = caller === 'service_role';
      return [
        `${table} · ${caller} · own: ${isService ? service : (ALLOWED[table]?.[caller] ?? 'nothing')}`,
        `${table} · ${caller} · other: ${isService ? service : 'nothing'}`,
      ];
    }),
  );
  t.same(lines, expected);
});

t.test('people speak as themselves, and a thread counts its messages', async (t) => {
  const [thread] = await db.pools.write.query(
    'select id, messages from corpus.threads where workspace_id = 1 order by id limit 1',
  );
  const say = (more: string, values: string) =>
    write(
      `insert into corpus.messages (workspace_id, thread_id, content${more}) values (1, ${thread!.id}, 'Hello'${values})`,
    );
  await say('', '');
  await say('', '');
  await t.rejects(say(', author', ", 'bob'"), { code: '42501' }, 'as another');
  await t.rejects(say(', role', ", 'assistant'"), { code: '42501' }, 'as an agent');
  await t.rejects(write('update corpus.threads set messages = 0'), { code: '42501' }, 'the counts');
  const [after] = await db.pools.write.query(`select messages, last_message_at > now() - interval '1 minute' as moved
    from corpus.threads where id = ${thread!.id}`);
  t.same({ ...after }, { messages: thread!.messages + 2, moved: true });
  await db.pools.write.query(`delete from corpus.messages where thread_id = ${thread!.id} and author = 'ada'`);
  const [counts] =
    await db.pools.write.query(`select bool_and(t.messages = (select count(*) from corpus.messages m where m.thread_id = t.id)) as right
    from corpus.threads t`);
  t.equal(counts?.right, true, 'every thread has its number of messages');
});

t.test('own threads may be closed, and no row points into another workspace', async (t) => {
  await write(`insert into corpus.threads (workspace_id, title) values (1, 'Mine')`);
  t.equal((await write(`update corpus.threads set state = 'closed'`)).results[0]?.count, 1);
  const foreign = `insert into corpus.messages (workspace_id, thread_id, content)
    select 1, (select 1), 'x'`;
  await t.rejects(write(foreign), { code: '23503' }, 'thread 1 is of workspace 2');
});
