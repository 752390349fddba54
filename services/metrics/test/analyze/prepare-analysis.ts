import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { migrate, runScript } from '@tidemark/db';

const ROLES_SQL = new URL('../../../../infra/postgres/roles.sql', import.meta.url);
const SETUP = `
create table public.notes (id int primary key, author text, body text);
insert into public.notes select i, 'author ' || i % 5000, repeat('x', 20) from generate_series(1, 30000) i;
create table public.secrets (id int primary key, owner text);
insert into public.secrets select i, 'ann' from generate_series(1, 50) i;
alter table public.secrets enable row level security;
create policy mine on public.secrets for select using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
grant select on public.notes, public.secrets to authenticated;
grant insert, update, delete on public.notes to authenticated;
create function public.act() returns int language sql as 'insert into public.notes values (-1) returning 1';
create function public.endless() returns int immutable language plpgsql as 'begin perform pg_sleep(60); return 1; end';
create function public.looks_good(text) returns boolean language plpgsql stable as 'begin return length($1) > 3; end';
analyze public.notes, public.secrets;`;

const password = randomBytes(8).toString('hex');
/** Sets up tables and hostile functions, and returns the URL of the login for analyses. */
export async function prepareAnalysis(url: string): Promise<string> {
  await runScript(url, await readFile(ROLES_SQL, 'utf8'));
  await migrate(url);
  await runScript(url, `${SETUP} alter role tidemark_analyze password '${password}';`);
  const login = new URL(url);
  login.username = 'tidemark_analyze';
  login.password = password;
  return login.href;
}
