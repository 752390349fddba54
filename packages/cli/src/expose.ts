/** `tidemark expose`: grants a role what it needs to read a table through the API, and says what it then sees. */
import { arrayLiteral, identifier, literal, type Query, SERVICE_ROLES, withConnection } from '@tidemark/db';
import { errors } from './errors.ts';

export interface ExposeOptions {
  url: string;
  /** `<table>` in public, or `<schema>.<table>`, in the letters that Postgres has. */
  table: string;
  role: string;
  /** Grants INSERT, UPDATE and DELETE, too. */
  write: boolean;
  dryRun: boolean;
  print(line: string): void;
}

interface Target extends Record<string, unknown> {
  kind: string;
  security: boolean;
  policies: number;
  sequences: string[];
  services: string[];
}

/** One transaction. Running it again changes nothing. */
export async function expose({ url, table: given, role, write, dryRun, print }: ExposeOptions): Promise<void> {
  const dot = given.indexOf('.');
  const schema = dot < 0 ? 'public' : given.slice(0, dot);
  const table = given.slice(dot + 1);
  await withConnection(url, 'expose', async (query) => {
    await requireRole(query, role);
    const [target] = await query<Target>(TARGET, [schema, table, arrayLiteral(SERVICE_ROLES)]);
    if (!target) throw errors.TABLE_UNKNOWN({ schema, table });
    const name = `${identifier(schema)}.${identifier(table)}`;
    const statements = [
      `grant usage on schema ${identifier(schema)} to ${[role, ...target.services].map(identifier).join(', ')}`,
      `grant select${write ? ', insert, update, delete' : ''} on ${name} to ${identifier(role)}`,
      ...(write && target.sequences.length > 0
        ? [`grant usage on sequence ${target.sequences.join(', ')} to ${identifier(role)}`]
        : []),
    ];
    if (dryRun) for (const statement of statements) print(`${statement};`);
    else await grant(query, statements);
    print(`${schema}.${table} ${dryRun ? 'would be' : 'is'} exposed to ${role}${write ? ', for writes, too' : ''}`);
    print(`  ${seenBy(target, role, name)}`);
  });
}

async function grant(query: Query, statements: readonly string[]): Promise<void> {
  await query('begin');
  try {
    for (const statement of statements) await query(statement);
    await query('commit');
  } catch (cause) {
    await query('rollback');
    throw errors.EXPOSE(
      { reason: (cause as Error).message, sql: statements.map((one) => `${one};`).join(' ') },
      { cause },
    );
  }
}

async function requireRole(query: Query, role: string): Promise<void> {
  const rows = await query<{ name: string }>(
    `select rolname::text as name from pg_roles where rolname = ${literal(role)}
       or rolname in ('anon', 'authenticated', 'service_role')`,
  );
  const names = rows.map(({ name }) => name);
  if (!names.includes(role)) throw errors.ROLE_UNKNOWN({ role, roles: names.join(', ') });
}

function seenBy({ kind, security, policies }: Target, role: string, name: string): string {
  if (kind === 'v' || kind === 'm')
    return `it is a view: ${role} sees what its owner may see, unless it is security_invoker`;
  if (!security) {
    return `row-level security is off: ${role} sees every row. To change that: alter table ${name} enable row level security;`;
  }
  return policies === 0
    ? `row-level security is on, and no policy lets ${role} see a row yet: create policy … on ${name} …;`
    : `row-level security is on, with ${policies} ${policies === 1 ? 'policy' : 'policies'}`;
}

const TARGET = `
select c.relkind::text as kind, c.relrowsecurity as security,
  (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies,
  (select coalesce(json_agg(s.oid::regclass::text), '[]') from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
    where d.refobjid = c.oid and d.deptype in ('a', 'i')) as sequences,
  (select coalesce(json_agg(r.rolname), '[]') from pg_roles r where r.rolname = any ($3::text[])) as services
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
