/** A test and the start-up compare the schema with schema.txt: a change by hand breaks services, often much later. */
import { readFile } from 'node:fs/promises';
import type { Probe } from '../connection/probe.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { encodeStatement } from '../sql/param.ts';
import { readMigrations } from './migrations.ts';

const SCHEMA_FILE = new URL('../../schema.txt', import.meta.url);
const TIMEOUT_MS = 5_000;
const MAX_SHOWN_LINES = 20;

/** An object is a line. Owners, comments, the publication (users add to it) and NOT NULL constraints (only in Postgres 18) are left out. */
export const SCHEMA_LINES = encodeStatement({
  text: `with rel as (
  select c.oid, c.relname::text as name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relacl
  from pg_class c where c.relnamespace = 'tidemark'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
), lines as (
  select format('%s %s%s%s%s', case relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'S' then 'sequence'
           else 'view' end, name, case when relrowsecurity then ' row security' end,
           case when relforcerowsecurity then ' forced' end, case when relreplident <> 'd' then ' replica identity ' || relreplident::text end) as line
  from rel
  union all
  select format('column %s.%s %s%s%s%s', name, a.attname, format_type(a.atttypid, a.atttypmod),
           case when a.attnotnull then ' not null' end,
           case when a.attidentity <> '' then ' identity ' || a.attidentity::text end,
           case when d.adbin is not null then case when a.attgenerated = '' then ' default ' else ' generated ' end || pg_get_expr(d.adbin, d.adrelid) end)
  from rel join pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where relkind <> 'S'
  union all
  select format('constraint %s.%s %s', name, k.conname, pg_get_constraintdef(k.oid))
  from rel join pg_constraint k on k.conrelid = rel.oid where k.contype in ('c', 'f', 'p', 'u', 'x')
  union all
  select format('index %s', pg_get_indexdef(i.indexrelid)) from rel join pg_index i on i.indrelid = rel.oid
  union all
  select format('policy %s.%s %s %s to %s using %s check %s', tablename, policyname, permissive, cmd,
           (select string_agg(r::text, ',' order by r) from unnest(roles) r), coalesce(qual, '-'), coalesce(with_check, '-'))
  from pg_policies where schemaname = 'tidemark'
  union all
  select format('trigger %s %s', name, pg_get_triggerdef(g.oid)) from rel join pg_trigger g on g.tgrelid = rel.oid where not g.tgisinternal
  union all
  select format('function %s(%s) returns %s%s settings %s body %s', p.proname, pg_get_function_identity_arguments(p.oid),
           format_type(p.prorettype, null), case when p.prosecdef then ' as its owner' end,
           coalesce(array_to_string(p.proconfig, ' '), '-'), md5(p.prosrc))
  from pg_proc p where p.pronamespace = 'tidemark'::regnamespace
  union all
  select format('grant %s on %s to %s', lower(g.privilege_type), name, coalesce(r.rolname, 'public'))
  from rel, aclexplode(relacl) g left join pg_roles r on r.oid = g.grantee
  where g.grantee <> (select relowner from pg_class where oid = rel.oid)
  union all
  select format('grant %s on %s.%s to %s', lower(g.privilege_type), name, a.attname, coalesce(r.rolname, 'public'))
  from rel join pg_attribute a on a.attrelid = rel.oid, aclexplode(a.attacl) g left join pg_roles r on r.oid = g.grantee
  where not a.attisdropped
  union all
  select format('grant execute on %s(%s) to %s', p.proname, pg_get_function_identity_arguments(p.oid), coalesce(r.rolname, 'public'))
  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g left join pg_roles r on r.oid = g.grantee
  where p.pronamespace = 'tidemark'::regnamespace and g.grantee <> p.proowner
  union all
  select format('grant %s on schema to %s', lower(g.privilege_type), coalesce(r.rolname, 'public'))
  from pg_namespace n, aclexplode(n.nspacl) g left join pg_roles r on r.oid = g.grantee
  where n.nspname = 'tidemark' and g.grantee <> n.nspowner
)
select string_agg(line, chr(10) order by line collate "C") as lines,
       (select json_agg(rolname)::text from pg_roles where rolcanlogin and rolname not like 'tidemark\\_%') as logins,
       (select string_agg(name, ' ' order by name) from tidemark.migrations) as migrations
from (select regexp_replace(line, '\\s+', ' ', 'g') as line from lines) one`,
});

export interface SchemaDifference {
  missing: string[];
  unexpected: string[];
}

/** @param logins logins of one's own: they may have the rights of the gateway (grant-login.ts) */
export function compareSchema(kept: string, found: string, logins: readonly string[] = []): SchemaDifference {
  const lines = (text: string) => new Set(text.split('\n').filter((line) => line !== ''));
  const [expected, there, own] = [lines(kept), lines(found), new Set(logins)];
  return {
    missing: [...expected].filter((line) => !there.has(line)),
    unexpected: [...there].filter(
      (line) => !expected.has(line) && !expected.has(ofGateway(line, own)) && !isOwnPolicy(line, expected),
    ),
  };
}

/** Files, channels and jobs may have further policies of one's own; one of ours that was changed is reported. */
function isOwnPolicy(line: string, expected: ReadonlySet<string>): boolean {
  const [named] = /^policy (files|channels|jobs)\.\S+ /.exec(line) ?? [];
  return named !== undefined && ![...expected].some((one) => one.startsWith(named));
}

function ofGateway(line: string, logins: ReadonlySet<string>): string {
  const [, grant, role = ''] = /^(grant .* to )(.+)$/.exec(line) ?? [];
  return grant !== undefined && logins.has(role) ? `${grant}tidemark_gateway` : line;
}

/** Reports `db.schema_drifted` or `db.schema_unchecked`; never rejects. Another release's schema is not compared. */
export async function checkSchemaDrift(server: string, probe: Probe, observe: (event: DbEvent) => void): Promise<void> {
  try {
    await compare(server, probe, observe);
  } catch (error) {
    observe({ type: 'db.schema_unchecked', server, error: error as Error });
  }
}

async function compare(server: string, probe: Probe, observe: (event: DbEvent) => void): Promise<void> {
  const [row] = await probe.ask([SCHEMA_LINES], TIMEOUT_MS);
  const names = (await readMigrations()).map(({ name }) => name);
  if (row?.migrations !== names.join(' ')) return;
  const { missing, unexpected } = compareSchema(
    await readFile(SCHEMA_FILE, 'utf8'),
    row.lines ?? '',
    JSON.parse(row.logins ?? '[]'),
  );
  if (missing.length === 0 && unexpected.length === 0) return;
  const error = errors.SCHEMA_DRIFTED({ server, missing: missing.length, unexpected: unexpected.length });
  observe({
    type: 'db.schema_drifted',
    server,
    error,
    missing: missing.slice(0, MAX_SHOWN_LINES),
    unexpected: unexpected.slice(0, MAX_SHOWN_LINES),
  });
}
