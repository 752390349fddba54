-- Tables of each kind that joined inserts have to tell apart.
create table notes (
  id bigint generated always as identity primary key, author text not null, body text not null check (body <> 'forbidden'),
  tag text unique, made timestamptz not null default clock_timestamp(), shouted text generated always as (upper(body)) stored
);
create table own_notes (id bigint generated always as identity primary key, owner text not null, body text not null);
alter table own_notes enable row level security;
create policy own on own_notes using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
create table audited (id integer primary key, body text not null);
create table audit (id bigint generated always as identity, statements integer not null, agent text);
create function note_audit() returns trigger language plpgsql as $$ begin
  insert into audit (statements, agent) values ((select count(*) from fresh), current_setting('request.headers', true)::json ->> 'user-agent'); return null;
end $$;
create trigger audit_insert after insert on audited referencing new table as fresh for each statement execute function note_audit();
create table accounts (id integer primary key, owner text, balance integer not null check (balance >= 0), exact numeric);
create table transfers (id integer generated always as identity primary key, account integer references accounts deferrable initially deferred, amount integer);
insert into accounts values (1, 'ada', 100), (2, 'bob', 50);
create function bump(by integer) returns integer language sql volatile as 'update accounts set balance = balance + by where id = 1 returning balance';
grant select, insert, update, delete on all tables in schema public to authenticated, service_role;
grant usage on all sequences in schema public to authenticated, service_role;
