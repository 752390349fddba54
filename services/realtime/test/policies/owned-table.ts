/** A table with policies on a real Postgres, asked as an identity would ask it, and as the topics see it. */
import { type Identity, openDatabase } from '@tidemark/db';
import pg from 'pg';
import { RowImage } from '../../src/changes/row-image.ts';
import { policyParams, policyStatement } from '../../src/rls/visible-images.ts';
import { loadTableFacts } from '../../src/tables/load-table-facts.ts';
import type { TableFacts } from '../../src/tables/table-facts.ts';
import { migratedDatabase } from '../test-realtime.ts';

const ROLE = 'authenticated';
export const [ANN, BOB] = ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380b22'];

const CLAIMS = `current_setting('request.jwt.claims', true)`;
const SETUP = `
create table public.owned (id int primary key, dropped int, owner uuid, tenant text, code varchar(10), fixed char(4), n int, big int8,
  shown bool, loose text);
alter table public.owned drop column dropped;
create collation public.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
alter table public.owned alter column loose type text collate public.caseless;
insert into public.owned (id, owner, tenant, code, fixed, n, big, shown, loose) values
  (1, '${ANN}', 'a', 'a', 'a', 3, 3, true, 'A'), (2, '${BOB}', 'b', 'b', 'b', 4, 4, false, 'a'), (3, null, null, null, null, null, null, null, null),
  (4, '${ANN}', 'b', '3', '3', 0, -1, false, 'b'), (5, '${BOB}', 'true', '', '', -3, 5000000000, true, 'ann'),
  (6, null, '${ANN}', 'A', 'A', 3, 3, null, '3'), (7, '${ANN}', '', 'é', 'é', 5, 5, false, '');
alter table public.owned enable row level security;
grant select on public.owned to ${ROLE};
alter publication tidemark add table public.owned;
create table public.tenants (name text);
insert into public.tenants values ('a');
grant select on public.tenants to ${ROLE};
create schema auth;
grant usage on schema auth to ${ROLE};
-- As Supabase has them.
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), (nullif(${CLAIMS}, '')::jsonb ->> 'sub'))::uuid $$;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(${CLAIMS}, ''))::jsonb $$;
create function auth.whole() returns text language sql stable as $$ select ${CLAIMS} $$;
create function auth.tree_uid() returns uuid language sql stable return (${CLAIMS}::jsonb ->> 'sub')::uuid;
create function auth.claim(key text) returns text language sql stable begin atomic select auth.jwt() ->> key; end;
create function auth.strict_claim(key text, other text) returns text language sql stable strict return auth.claim(key);
create function auth.endless(key text) returns text language sql stable return key;
create or replace function auth.endless(key text) returns text language sql stable return auth.endless(key);
create function auth.hidden() returns text language plpgsql stable as $$ begin return ${CLAIMS}::json ->> 'tenant'; end $$;
create function auth.lies(text) returns bool language sql immutable as $$ select $1 = ${CLAIMS} $$;
create function auth.set_other() returns text language sql stable set timezone = 'UTC' as $$ select ${CLAIMS}::json ->> 'tenant' $$;
create operator public.@@@ (leftarg = text, rightarg = text, function = pg_catalog.texteq);
create type public.mood as enum ('good', 'bad');
grant execute on all functions in schema auth to ${ROLE};`;

export interface Policy {
  using: string;
  permissive?: boolean;
}

export interface OwnedTable {
  /** Returns the facts of the table with these policies and no others. */
  facts(...policies: (string | Policy)[]): Promise<TableFacts>;
  images: RowImage[];
  /** The ids of the rows that the table itself shows. @throws Postgres's errors */
  shown(identity: Identity): Promise<number[]>;
  /** Those that the policies show over the images. @throws Postgres's errors */
  passed(identity: Identity, facts: TableFacts, images: readonly RowImage[]): Promise<number[]>;
  sql(text: string): Promise<void>;
  stop(): Promise<void>;
}

export const identityOf = (claims: unknown): Identity => ({ role: ROLE, claims: JSON.stringify(claims) });
export const idOf = (image: RowImage): number => Number(image.column('id'));

export async function openOwnedTable(): Promise<OwnedTable> {
  const database = await migratedDatabase();
  const client = new pg.Client(database.primaryUrl);
  await client.connect();
  await client.query(SETUP);
  const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'test' });
  const { rows } = await client.query<{ image: string }>('select to_jsonb(o)::text as image from owned o order by id');

  /** Leaves its transaction open, so that one round trip less is needed: every use of the client rolls back first. */
  async function as<R extends pg.QueryResultRow>(identity: Identity, text: string, params: unknown[]): Promise<R[]> {
    const [claims, role] = [client.escapeLiteral(identity.claims), client.escapeLiteral(identity.role)];
    await client.query(
      `rollback; begin; select set_config('request.jwt.claims', ${claims}, true), set_config('role', ${role}, true)`,
    );
    return (await client.query<R>(text, params)).rows;
  }

  return {
    images: rows.map(({ image }) => new RowImage(image, '{}')),
    async facts(...policies) {
      await client.query('rollback');
      const { rows: old } = await client.query<{ name: string }>(
        `select polname as name from pg_policy` + ` where polrelid = 'owned'::regclass`,
      );
      const drops = old.map(({ name }) => `drop policy ${name} on owned;`);
      const creates = policies.map((policy, n) => {
        const { using, permissive = true } = typeof policy === 'string' ? { using: policy } : policy;
        return `create policy p${n} on owned as ${permissive ? 'permissive' : 'restrictive'} for select using (${using});`;
      });
      await client.query([...drops, ...creates].join('\n'));
      return loadTableFacts(db, identityOf({}), 'tidemark', { schema: 'public', table: 'owned' });
    },
    async shown(identity) {
      return (await as<{ id: number }>(identity, 'select id from owned order by id', [])).map(({ id }) => id);
    },
    async passed(identity, facts, images) {
      if (images.length === 0) return [];
      const found = await as<{ ord: number }>(identity, policyStatement(facts), policyParams(facts, images));
      return found.map(({ ord }) => idOf(images[ord - 1] as RowImage)).sort((a, b) => a - b);
    },
    async sql(text) {
      await client.query('rollback');
      await client.query(text);
    },
    async stop() {
      await db.close();
      await client.end();
      await database.drop();
    },
  };
}
