-- Channels of the realtime service: who may join one, and who may send, is decided by policies on this table over a row that
-- need not be in it: name, kind and key of the channel. A team's own policies name their kinds:
--
--   create policy rooms on tidemark.channels for select to authenticated using (
--     kind = 'room' and exists (select from public.room_member m where m.room_id::text = key
--       and m.user_id::text = current_setting('request.jwt.claims', true)::json ->> 'sub'));
--
-- Its SELECT policies decide who may join, its INSERT policies who may send.
create table tidemark.channels (
  name text primary key,
  kind text not null,
  key text not null
);
comment on table tidemark.channels is 'policies on it decide who may join (select) and send (insert); rows are not needed';

grant select, insert on tidemark.channels to anon, authenticated, service_role;
alter table tidemark.channels enable row level security;
-- user:<sub>: all devices of one user, and nobody else.
create policy channels_own_join on tidemark.channels for select to authenticated
  using (kind = 'user' and key = current_setting('request.jwt.claims', true)::json ->> 'sub');
create policy channels_own_send on tidemark.channels for insert to authenticated
  with check (kind = 'user' and key = current_setting('request.jwt.claims', true)::json ->> 'sub');
-- public:<key>: everybody may listen, who has signed in may send.
create policy channels_public_join on tidemark.channels for select to anon, authenticated using (kind = 'public');
create policy channels_public_send on tidemark.channels for insert to authenticated with check (kind = 'public');
create policy channels_service_join on tidemark.channels for select to service_role using (true);
create policy channels_service_send on tidemark.channels for insert to service_role with check (true);
