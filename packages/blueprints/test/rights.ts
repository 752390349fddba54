/** Tries each verb on each table as each role, on rows of the caller's own tenant and of another, against a written table. */
import { identifier, type Query, withConnection } from '@tidemark/db';

export interface Caller {
  readonly role: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface RightsCase {
  readonly schema: string;
  /** The column that names the tenant, by table; absent: `organization_id`. */
  readonly tenantColumns?: Readonly<Record<string, string>>;
  readonly own: string;
  readonly other: string;
  readonly callers: Readonly<Record<string, Caller>>;
  /** Values in which the inserted row differs from one that is there. */
  readonly fresh?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The columns of an insert, by table; absent: all but the id. */
  readonly inserted?: Readonly<Record<string, readonly string[]>>;
  /** The tenants of tables where they are not `own` and `other`. */
  readonly tenants?: Readonly<Record<string, { readonly own: string; readonly other: string }>>;
  /** The column that an update may set, by table; absent: the tenant's. */
  readonly updated?: Readonly<Record<string, string>>;
}

const VERBS = ['select', 'insert', 'update', 'delete'] as const;
type Verb = (typeof VERBS)[number];

/** Returns a line for each table, caller and tenant: `vehicles · manager · own: select insert update delete`. */
export async function rightsOf(url: string, test: RightsCase): Promise<string[]> {
  return withConnection(url, 'test', async (query) => {
    const tables = await query<{ name: string }>(
      `select relname::text as name from pg_class where relnamespace = '${test.schema}'::regnamespace
          and relkind in ('r', 'p') and not relispartition order by relname`,
    );
    const lines: string[] = [];
    for (const { name } of tables) {
      for (const [caller, identity] of Object.entries(test.callers)) {
        for (const tenant of ['own', 'other'] as const) {
          const allowed: Verb[] = [];
          for (const verb of VERBS) {
            if (
              await isAllowed(
                query,
                identity,
                await attempt(query, test, name, (test.tenants?.[name] ?? test)[tenant], verb),
              )
            )
              allowed.push(verb);
          }
          lines.push(`${name} · ${caller} · ${tenant}: ${allowed.join(' ') || 'nothing'}`);
        }
      }
    }
    return lines;
  });
}

/** A statement that returns the number of rows that it reached. */
async function attempt(query: Query, test: RightsCase, table: string, tenant: string, verb: Verb): Promise<string> {
  const name = `${identifier(test.schema)}.${identifier(table)}`;
  const column = test.tenantColumns?.[table] ?? 'organization_id';
  const where = `where ${identifier(column)} = '${tenant}'`;
  if (verb === 'select') return `select 1 from ${name} ${where} limit 1`;
  if (verb === 'update') {
    const set = identifier(test.updated?.[table] ?? column);
    return `update ${name} set ${set} = ${set} ${where}`;
  }
  if (verb === 'delete') return `delete from ${name} ${where}`;
  const [row] = await query<{ row: Record<string, unknown> }>(
    `select to_jsonb(t) as row from ${name} t ${where} limit 1`,
  );
  const { id: _id, ...rest } = { ...row?.row, ...test.fresh?.[table] };
  const columns = (test.inserted?.[table] ?? Object.keys(rest)).map(identifier).join(', ');
  const json = JSON.stringify(rest).replaceAll("'", "''");
  return `insert into ${name} (${columns}) select ${columns} from jsonb_populate_record(null::${name}, '${json}')`;
}

/** A refusal of a constraint comes after that of the rights, so it counts as allowed. */
async function isAllowed(query: Query, { role, claims = {} }: Caller, statement: string): Promise<boolean> {
  const settings = `set_config('request.jwt.claims', '${JSON.stringify({ role, ...claims }).replaceAll("'", "''")}', true)`;
  await query('begin');
  try {
    await query(`select ${settings}, set_config('role', '${role}', true)`);
    return (await query(statement)).count > 0;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501') return false;
    if (code === '23503' || code === '23505') return true;
    throw error;
  } finally {
    await query('rollback');
  }
}
