create table public.events (
  id bigint generated always as identity primary key,
  kind text not null,
  at timestamptz,
  score numeric,
  body text,
  doc json,
  owner text not null default 'ada'
);
create index on public.events (at desc, id desc);
create table public.notes (id int primary key, event_id bigint references public.events, note text);
create view public.named as select kind, body from public.events;
alter table public.events enable row level security;
create policy own on public.events to authenticated using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
create policy everything on public.events to service_role using (true);
grant select on public.events, public.notes, public.named to authenticated, service_role;
insert into public.events (kind, at, score, body, doc, owner)
select 'k' || g % 7, case when g % 5 = 0 then null else '2026-01-01'::timestamptz + (g % 40) * interval '1 hour' end,
       case when g % 3 = 0 then null else (g % 11) / 4.0 end, repeat('x', g % 50), '{"g": 1}', case when g % 2 = 0 then 'ada' else 'bob' end
  from generate_series(1, 300) g;
update public.events set body = E'back\\slash "q" ''s'' a,b\ttab\nline\r\n \\N é😀 \u0001' where id = 2;
insert into public.notes select g, g, 'note ' || g from generate_series(1, 300) g;
create function public.rows_of(n int) returns setof public.events language sql stable as 'select * from events order by id limit n';
create function public.numbers(n int) returns setof int language sql stable as 'select g from generate_series(1, n) g';
create view public.endless as select a * 1000 + b as n, repeat('x', 1000) as pad from generate_series(1, 1000) a, generate_series(1, 400) b;
grant select on public.endless to service_role;
