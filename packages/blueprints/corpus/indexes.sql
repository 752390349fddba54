-- Each index has above it the query that it is for. A test runs these queries and looks for the index in their plans.

-- select * from corpus.threads where workspace_id = 2 and state = 'open' order by last_message_at desc, id desc limit 20
create index threads_newest on corpus.threads (workspace_id, state, last_message_at desc, id desc);

-- select * from corpus.threads where workspace_id = 2 and author = 'user3'
create index threads_author on corpus.threads (workspace_id, author);

-- select * from corpus.messages where thread_id = 17 order by id desc limit 50
create index messages_thread on corpus.messages (thread_id, id);

-- select id from corpus.messages where to_tsvector('simple', content) @@ to_tsquery('simple', 'harbour & island')
create index messages_words on corpus.messages using gin (to_tsvector('simple', content));

-- select * from corpus.runs where workspace_id = 2 and status in ('queued', 'running') order by id
create index runs_open on corpus.runs (workspace_id, id) where status in ('queued', 'running');

-- select * from corpus.runs where workspace_id = 2 and status = 'failed' order by created_at desc limit 20
create index runs_failed on corpus.runs (workspace_id, created_at desc) where status = 'failed';

-- select sum(cost), sum(output_tokens) from corpus.runs where agent_id = 3 and created_at >= now() - interval '7 days'
create index runs_agent on corpus.runs (agent_id, created_at) include (cost, output_tokens);

-- select * from corpus.runs where thread_id = 17 order by id
create index runs_thread on corpus.runs (thread_id, id);

-- select * from corpus.records where corpus_id = 3 order by number, id limit 100
create index records_number on corpus.records (corpus_id, number, id);

-- select * from corpus.records where corpus_id = 3 and kind = 'code' and score >= 0.95 order by score desc limit 20
create index records_score on corpus.records (corpus_id, kind, score desc);

-- select * from corpus.records where metadata @> '{"language": "el", "tags": ["rare"]}'
create index records_metadata on corpus.records using gin (metadata jsonb_path_ops);
