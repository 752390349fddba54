-- Four workspaces with two months of threads, the runs of their agents, and five corpora with their first records. All of it is invented.
-- The same rows at every load, at times relative to now.

-- A number from 0 to below `below` that depends on its arguments alone.
create function pg_temp.draw(n integer, what text, below integer) returns integer language sql immutable
  return ('x' || substr(md5(what || n), 1, 7))::bit(28)::integer % below;

-- A thousand lines of which texts are chosen: 300 of two to six words, and 700 of eight to thirty.
create temp table lines on commit drop as
select n, (select string_agg((array['account', 'address', 'answer', 'bridge', 'build', 'choose', 'clear', 'customer', 'delivery', 'engine', 'example',
    'explain', 'failure', 'field', 'garden', 'harbour', 'history', 'invoice', 'island', 'language', 'letter', 'measure', 'model', 'morning',
    'notice', 'order', 'parcel', 'people', 'please', 'process', 'question', 'reason', 'refund', 'report', 'result', 'river', 'route', 'sample',
    'school', 'season', 'sentence', 'ship', 'signal', 'station', 'summary', 'table', 'teacher', 'travel', 'value', 'water', 'window'])
    [1 + pg_temp.draw(n * 31 + word, 'word', 51)], ' ') from generate_series(1, words) word) as line
  from generate_series(0, 999) n,
       lateral (select case when n < 300 then 2 + pg_temp.draw(n, 'length', 5) else 8 + pg_temp.draw(n, 'length', 23) end as words) chosen;
create unique index on lines (n) include (line);
analyze lines;
create function pg_temp.few_words(n integer, what text) returns text language sql stable
  return (select line from lines l where l.n = pg_temp.draw(few_words.n, what, 300));
create function pg_temp.words(n integer, what text) returns text language sql stable
  return (select line from lines l where l.n = 300 + pg_temp.draw(words.n, what, 700));

insert into corpus.workspaces (id, name)
select n, (array['Astrolabe Labs', 'Beacon Reading', 'Cartograph', 'Driftwood Studio'])[n] from generate_series(1, 4) n;

insert into corpus.agents (id, workspace_id, name, model, instructions, active)
select n, 1 + n % 4, (array['Archivist', 'Guide', 'Proofreader', 'Scout', 'Tutor'])[1 + n % 5] || ' ' || n, (array['small', 'large', 'vision'])[1 + n % 3],
       'Answer in a few sentences: ' || pg_temp.words(n, 'instructions') || '.', n % 9 > 0
  from generate_series(1, 20) n;

insert into corpus.threads (id, workspace_id, title, author, state, created_at, last_message_at)
select n, 1 + n % 4, initcap(pg_temp.few_words(n, 'title')), 'user' || 1 + pg_temp.draw(n, 'author', 12),
       case when n % 3 = 0 then 'closed' else 'open' end, at, at
  from generate_series(1, 800) n, lateral (select now() - n * interval '97 minutes' as at) times;

-- A person asks, an agent answers, and so on.
insert into corpus.messages (id, workspace_id, thread_id, role, author, content, tokens, metadata, created_at)
select (t.id - 1) * 10 + turn, t.workspace_id, t.id, who, case who when 'user' then t.author end, said, length(said) / 4,
       case who when 'assistant' then jsonb_build_object('model', (array['small', 'large'])[1 + t.id % 2], 'milliseconds', 200 + pg_temp.draw(t.id::integer * 10 + turn, 'ms', 3000)) else '{}' end,
       t.created_at + turn * interval '40 seconds'
  from corpus.threads t, generate_series(1, 10) turn,
       lateral (select case when turn % 5 = 4 then 'tool' when turn % 2 = 1 then 'user' else 'assistant' end as who) speaker,
       lateral (select initcap(left(line, 1)) || substr(line, 2) || '.' as said from (select pg_temp.words(t.id::integer * 10 + turn, 'content') as line) l) words
 where turn <= 3 + pg_temp.draw(t.id::integer, 'turns', 8);
update corpus.threads t set messages = m.count, last_message_at = m.latest
  from (select thread_id, count(*) as count, max(created_at) as latest from corpus.messages group by thread_id) m where m.thread_id = t.id;

insert into corpus.runs (workspace_id, thread_id, agent_id, status, input_tokens, output_tokens, cost, error, created_at, started_at, finished_at)
select m.workspace_id, m.thread_id, a.id, ended, 200 + pg_temp.draw(m.id::integer, 'input', 3000), m.tokens * 4, (200 + m.tokens * 12) / 1000000.0,
       case ended when 'failed' then (array['the model did not answer in time', 'the answer was cut off', 'a tool refused its arguments'])[1 + pg_temp.draw(m.id::integer, 'error', 3)] end,
       m.created_at - interval '5 seconds', m.created_at - interval '4 seconds', m.created_at
  from corpus.messages m, lateral (select case when m.id % 41 = 0 then 'failed' when m.id % 67 = 0 then 'cancelled' else 'succeeded' end as ended) ends,
       lateral (select id from corpus.agents where workspace_id = m.workspace_id order by (id + m.id) % 20, id limit 1) a
 where m.role = 'assistant' order by m.id;
insert into corpus.runs (workspace_id, thread_id, agent_id, status, started_at)
select t.workspace_id, t.id, (select min(id) from corpus.agents a where a.workspace_id = t.workspace_id), case when t.id <= 4 then 'running' else 'queued' end,
       case when t.id <= 4 then now() end
  from corpus.threads t where t.id <= 12;

insert into corpus.corpora (id, workspace_id, name, description, template)
select n, 1 + n % 4, (array['support chats', 'tool calls', 'summaries', 'code reviews', 'mixed'])[n], pg_temp.words(n, 'description'),
       jsonb_build_object(
         'workspace_id', jsonb_build_object('value', 1 + n % 4), 'corpus_id', jsonb_build_object('value', n), 'id', '{"uuid": {}}'::jsonb,
         'number', '{"sequence": {"start": 1000}}'::jsonb, 'kind', '{"choice": ["chat", "tool", "summary", "code"], "weights": [6, 2, 1, 1]}'::jsonb,
         'prompt', '{"text": {"min": 4, "max": 20}}'::jsonb, 'answer', '{"text": {"min": 8, "max": 40}}'::jsonb,
         'tokens', '{"integer": {"min": 12, "max": 900}}'::jsonb, 'score', '{"decimal": {"min": 0, "max": 1, "scale": 3}, "nulls": 0.1}'::jsonb,
         'created_at', '{"time": {"from": "2026-01-01", "to": "2026-06-30"}}'::jsonb,
         'metadata', '{"object": {"language": {"choice": ["en", "de", "el", "ja"], "weights": [7, 1, 1, 1]}, "tags": {"array": {"of": {"choice": ["long", "rare", "checked"]}, "min": 0, "max": 2}}}}'::jsonb)
  from generate_series(1, 5) n;

insert into corpus.records (id, workspace_id, corpus_id, number, kind, prompt, answer, tokens, score, metadata, created_at)
select md5('record' || n)::uuid, c.workspace_id, c.id, n / 5, (array['chat', 'chat', 'chat', 'tool', 'summary', 'code'])[1 + pg_temp.draw(n, 'kind', 6)],
       pg_temp.few_words(n, 'prompt'), pg_temp.words(n, 'reply'), 12 + pg_temp.draw(n, 'tokens', 889),
       case when n % 10 > 0 then pg_temp.draw(n, 'score', 1001) / 1000.0 end,
       jsonb_build_object('language', (array['en', 'en', 'en', 'de', 'el', 'ja'])[1 + pg_temp.draw(n, 'language', 6)],
         'tags', case when n % 7 = 0 then '["rare"]'::jsonb when n % 3 = 0 then '["checked"]'::jsonb else '[]'::jsonb end),
       now() - n * interval '9 minutes'
  from generate_series(0, 4999) n join corpus.corpora c on c.id = 1 + n % 5;

select setval(pg_get_serial_sequence('corpus.workspaces', 'id'), 4), setval(pg_get_serial_sequence('corpus.agents', 'id'), 20),
       setval(pg_get_serial_sequence('corpus.threads', 'id'), 800), setval(pg_get_serial_sequence('corpus.messages', 'id'), 8000),
       setval(pg_get_serial_sequence('corpus.corpora', 'id'), 5);
