-- A row in tidemark.channels has no meaning: realtime evaluates the policies over a row that it makes up. Without this,
-- everybody whom the INSERT policies let send could also store rows there through the HTTP API, without limit. The grant of
-- INSERT has to stay, since it is part of the decision who may send.
delete from tidemark.channels;

create function tidemark.refuse_channel_rows() returns trigger language plpgsql set search_path = '' as $$
begin
  raise exception using errcode = 'PT403', message = 'tidemark.channels stores no rows',
    detail = 'Its SELECT policies decide who may join a channel, its INSERT policies who may send to it; no row is needed.',
    hint = 'Join or send over /live, with {"op":"join"} and {"op":"send"}. To allow more, create a policy on tidemark.channels.';
end $$;
revoke execute on function tidemark.refuse_channel_rows() from public;
-- For each statement, so that it fires before policies and defaults, and also where the statement would insert nothing.
create trigger refuse_channel_rows before insert or update on tidemark.channels
  for each statement execute function tidemark.refuse_channel_rows();

comment on table tidemark.channels is 'policies on it decide who may join (select) and send (insert); it stores no rows';
