-- Everybody reads. Signed-in users write commentary, which their token's subject signs; they correct the words of their own entries.
grant usage on schema public to anon, authenticated, service_role, ops;
grant select on public.teams, public.matches, public.commentary to anon, authenticated, service_role, ops;
grant insert (match_id, minute, period, kind, actor, team_id, message, metadata, tags, author), update (message, tags), delete
  on public.commentary to authenticated;
grant insert, update, delete on public.teams, public.matches, public.commentary to service_role;

alter table public.teams enable row level security;
create policy teams_read on public.teams for select using (true);
create policy teams_service on public.teams to service_role using (true);

alter table public.matches enable row level security;
create policy matches_read on public.matches for select using (true);
create policy matches_service on public.matches to service_role using (true);

-- The subquery lets Postgres read the claim once for each statement and not once for each row.
alter table public.commentary enable row level security;
create policy commentary_read on public.commentary for select using (true);
create policy commentary_write on public.commentary for insert to authenticated
  with check (author = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy commentary_correct on public.commentary for update to authenticated
  using (author = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy commentary_retract on public.commentary for delete to authenticated
  using (author = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy commentary_service on public.commentary to service_role using (true);

-- Nobody has a right to it: the trigger runs as its owner.
alter table public.commentary_sequences enable row level security;
