-- Each index has above it the query that it is for. A test runs these queries and looks for the index in their plans.

-- Matches

-- select * from public.matches where starts_at >= now() order by starts_at limit 10
create index matches_starts_at on public.matches (starts_at);

-- select * from public.matches where status = 'live' order by starts_at
create index matches_live on public.matches (starts_at) where status = 'live';

-- select * from public.matches where home_team_id = 3 order by starts_at desc limit 5
create index matches_home_team_id on public.matches (home_team_id, starts_at desc);

-- select * from public.matches where away_team_id = 3 order by starts_at desc limit 5
create index matches_away_team_id on public.matches (away_team_id, starts_at desc);

-- Commentary

-- select * from public.commentary where match_id = 3 order by id desc limit 50
create index commentary_match_id on public.commentary (match_id, id);

-- select * from public.commentary where match_id = 3 and sequence > 40 order by sequence
create unique index commentary_sequence on public.commentary (match_id, sequence);

-- select * from public.commentary where match_id = 3 and minute >= 80 order by minute, sequence limit 50
create index commentary_minute on public.commentary (match_id, minute, sequence);

-- select minute, team_id, actor from public.commentary where match_id = 3 and kind = 'goal' order by minute
create index commentary_goals on public.commentary (match_id, minute) include (team_id, actor) where kind = 'goal';

-- select * from public.commentary where team_id = 3 order by id desc limit 20
create index commentary_team on public.commentary (team_id, id) where team_id is not null;

-- select * from public.commentary where lower(actor) = 'ito' order by id desc limit 20
create index commentary_actor on public.commentary (lower(actor), id) where actor is not null;

-- select * from public.commentary where author = 'ada' order by id desc limit 20
create index commentary_author on public.commentary (author, id) where author is not null;

-- select * from public.commentary where tags @> '{penalty,var}'
create index commentary_tags on public.commentary using gin (tags);

-- select * from public.commentary where metadata @> '{"foot": "both"}'
create index commentary_metadata on public.commentary using gin (metadata jsonb_path_ops);

-- select id from public.commentary where to_tsvector('simple', message) @@ to_tsquery('simple', 'midfield & penalty')
create index commentary_words on public.commentary using gin (to_tsvector('simple', message));
