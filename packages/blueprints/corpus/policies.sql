-- A token names its workspace and the role in it: {"role": "authenticated", "sub": "…", "workspace_id": 1, "corpus_role": "editor"}.
-- Without a workspace in the token nothing is visible. Strangers (anon) have no rights at all.
grant usage on schema corpus to authenticated, service_role;

do $$
declare
  -- The subquery lets Postgres read the claim once for each statement and not once for each row.
  own constant text := $c$workspace_id = (select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'workspace_id')::integer)$c$;
  has_role constant text := $c$(select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'corpus_role') = any (%L::text[])$c$;
  self constant text := $c$author = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')$c$;
  owner constant text := format(has_role, '{owner}');
  editor constant text := format(has_role, '{owner,editor}');
  member constant text := format(has_role, '{owner,editor,reader}');
  rule record;
begin
  for rule in
    -- Who of a workspace may read the table, add rows, change them, remove them. NULL is nobody.
    select * from (values
      ('agents',   member, owner,  owner,  null),
      ('threads',  member, format('%s and %s', member, self), format('(%s or %s)', owner, self), owner),
      -- People speak for themselves alone, and nobody changes what was said.
      ('messages', member, format('%s and %s and role = ''user''', member, self), null, owner),
      ('runs',     member, editor, null,   null),
      ('corpora',  member, editor, editor, owner),
      ('records',  member, editor, editor, owner)
    ) as rules (name, reads, adds, changes, removes)
  loop
    execute format('alter table corpus.%I enable row level security', rule.name);
    execute format('grant select on corpus.%I to authenticated', rule.name);
    execute format('create policy read on corpus.%I for select to authenticated using (%s and %s)', rule.name, own, rule.reads);
    execute format('grant insert on corpus.%I to authenticated', rule.name);
    execute format('create policy add on corpus.%I for insert to authenticated with check (%s and %s)', rule.name, own, rule.adds);
    if rule.changes is not null then
      execute format('create policy change on corpus.%I for update to authenticated using (%s and %s)', rule.name, own, rule.changes);
      -- The counts of a thread are the trigger's.
      execute format('grant update %s on corpus.%I to authenticated', case rule.name when 'threads' then '(title, state)' else '' end, rule.name);
    end if;
    if rule.removes is not null then
      execute format('grant delete on corpus.%I to authenticated', rule.name);
      execute format('create policy remove on corpus.%I for delete to authenticated using (%s and %s)', rule.name, own, rule.removes);
    end if;
    -- The services that run the agents: every workspace.
    execute format('create policy service on corpus.%I to service_role using (true)', rule.name);
    execute format('grant select, insert, update, delete on corpus.%I to service_role', rule.name);
  end loop;
  execute format('create policy read on corpus.workspaces for select to authenticated using (%s)', replace(own, 'workspace_id =', 'id ='));
end $$;

alter table corpus.workspaces enable row level security;
create policy service on corpus.workspaces to service_role using (true);
grant select on corpus.workspaces to authenticated;
grant select, insert, update on corpus.workspaces to service_role;
