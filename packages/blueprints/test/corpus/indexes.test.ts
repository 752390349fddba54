import { runScript } from '@tidemark/db';
import t from 'tap';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { url, db } = await migrated(t, 'corpus');

/** As many rows as a year brings, so that the planner has reason to choose. */
const YEAR = `
  insert into corpus.threads (workspace_id, title, author, state, last_message_at)
    select 1 + n % 4, 'Thread ' || n, 'user' || n % 200, case when n % 3 = 0 then 'open' else 'closed' end, now() - n * interval '26 minutes'
    from generate_series(1, 20000) n;
  insert into corpus.messages (workspace_id, thread_id, role, content, tokens)
    select t.workspace_id, t.id, 'assistant', 'An answer about ' || t.id, 7 from corpus.threads t;
  insert into corpus.runs (workspace_id, thread_id, agent_id, status, output_tokens, created_at, started_at, finished_at)
    select t.workspace_id, t.id, a.id, case when t.id % 40 = 0 then 'failed' else 'succeeded' end, 7, t.last_message_at, t.last_message_at, t.last_message_at
    from corpus.threads t, lateral (select id from corpus.agents where workspace_id = t.workspace_id order by (id + t.id) % 20, id limit 1) a;
  insert into corpus.records (workspace_id, corpus_id, number, kind, prompt, answer, tokens, score)
    select c.workspace_id, c.id, n, (array['chat', 'tool', 'summary', 'code'])[1 + n % 4], 'A question', 'An answer', 7, n % 1000 / 1000.0
    from generate_series(1000, 5000) n, corpus.corpora c;
  analyze corpus.threads, corpus.messages, corpus.runs, corpus.records;`;

t.test('the planner chooses each index of corpus for its query', async (t) => {
  await runScript(url, YEAR);
  const indexes = await indexesOf('corpus');
  t.ok(indexes.length >= 11, `${indexes.length} indexes`);
  t.same(await unchosenIndexes(db, 'corpus', indexes), []);
});

t.test('no index of corpus is redundant', async (t) => {
  t.same(await redundantIndexes(db, 'corpus'), []);
});
