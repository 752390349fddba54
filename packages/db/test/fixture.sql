create table notes (id bigint generated always as identity primary key, owner text not null, body text not null);
alter table notes enable row level security;
create policy own on notes to authenticated
  using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub')
  with check (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
grant select, insert, update, delete on notes to authenticated
