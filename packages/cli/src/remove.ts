/**
 * `tidemark remove`: takes everything of Tidemark out of a database. Tables of the application stay, with their rows and
 * policies; their replica identities become what they were before they were live. Blueprints stay, too, since an application may
 * be built on them; the SQL that drops them is printed.
 */
import { blueprintNamed, dropBlueprintSql, loadedBlueprints } from '@tidemark/blueprints';
import { arrayLiteral, CREATED_ROLE, identifier, literal, type Query, withConnection } from '@tidemark/db';
import { errors } from './errors.ts';
import { disableAllLive } from './live/live.ts';

export interface RemoveOptions {
  url: string;
  slot: string;
  publication: string;
  dryRun: boolean;
  print(line: string): void;
}

const SCHEMA = 'tidemark';
const LOGINS = ['tidemark_gateway', 'tidemark_realtime', 'tidemark_batch', 'tidemark_metrics', 'tidemark_analyze'];
const API_ROLES = ['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'];

interface State extends Record<string, unknown> {
  migrated: boolean;
  slotActive: boolean | null;
  published: boolean;
  roles: Role[];
}

interface Role {
  readonly name: string;
  /** A migration or roles.sql has created it. */
  readonly created: boolean;
}

export async function remove(options: RemoveOptions): Promise<void> {
  const { url, slot, publication, dryRun, print } = options;
  const state = await withConnection(url, 'remove', (query) => readState(query, slot, publication));
  if (!state.migrated && state.slotActive === null && !state.published) {
    print('Tidemark is not in this database');
    return;
  }
  if (state.slotActive) throw errors.IN_USE({ slot });
  if (state.migrated) for (const line of await blueprintsThatStay(url)) print(line);
  const dependents = await withConnection(url, 'remove', readDependents);
  if (dependents.length > 0) throw errors.DEPENDENTS({ objects: dependents.join(', ') });
  if (state.migrated && state.published) await disableAllLive({ url, publication, dryRun, print });
  await withConnection(url, 'remove', async (query) => {
    const statements = [
      ...(state.slotActive === null ? [] : [`select pg_drop_replication_slot(${literal(slot)})`]),
      ...(state.published ? [`drop publication ${identifier(publication)}`] : []),
      ...(state.migrated ? [`drop schema ${SCHEMA} cascade`] : []),
    ];
    for (const statement of statements) {
      print(dryRun ? `${statement};` : statement);
      if (!dryRun) await query(statement);
    }
    for (const role of state.roles) await removeRole(query, role, dryRun, print);
  });
  print(dryRun ? 'nothing was changed' : 'Tidemark is removed');
}

async function blueprintsThatStay(url: string): Promise<string[]> {
  const loaded = await loadedBlueprints(url);
  const there = await withConnection(url, 'remove', (query) =>
    query<{ nspname: string }>('select nspname::text from pg_namespace'),
  );
  const schemas = new Set(there.map(({ nspname }) => nspname));
  const staying = loaded.filter((name) => schemas.has(blueprintNamed(name).schema));
  return Promise.all(
    staying.map(
      async (name) => `the blueprint ${name} stays. With its rows it goes by: ${await dropBlueprintSql(name)}`,
    ),
  );
}

/** `drop owned` also revokes what was granted to the role in this database. Other databases of the server may need the role. */
async function removeRole(query: Query, { name: role, created }: Role, dryRun: boolean, print: RemoveOptions['print']) {
  const name = identifier(role);
  // The role that has created another may grant it, but is not a member of it.
  const statements = [`grant ${name} to current_user`, `drop owned by ${name}`, `drop role ${name}`];
  const sql = statements
    .slice(1)
    .map((statement) => `${statement};`)
    .join(' ');
  if (!created) {
    print(
      `the role ${role} stays, since it was there before Tidemark. With its grants in this database it goes by: ${sql}`,
    );
    return;
  }
  await query('begin');
  try {
    for (const statement of statements) await query(statement);
    await query(dryRun ? 'rollback' : 'commit');
    for (const statement of statements) print(dryRun ? `${statement};` : statement);
  } catch (error) {
    await query('rollback');
    print(`the role ${role} stays: ${(error as Error).message}`);
    print(`  As an administrator: ${sql}`);
  }
}

async function readState(query: Query, slot: string, publication: string): Promise<State> {
  const [state] = await query<State>(
    `select to_regnamespace('${SCHEMA}') is not null as migrated,
       (select active from pg_replication_slots where slot_name = $1 and database = current_database()) as "slotActive",
       exists (select from pg_publication where pubname = $2) as published,
       (select coalesce(json_agg(json_build_object('name', r.rolname,
           'created', shobj_description(r.oid, 'pg_authid') = $4) order by r.rolname), '[]')
         from pg_roles r where r.rolname = any ($3::text[]) and r.rolname <> current_user) as roles`,
    [slot, publication, arrayLiteral([...LOGINS, ...API_ROLES]), CREATED_ROLE],
  );
  return state as State;
}

/** Objects outside of the schema that `drop schema … cascade` would drop as well, such as a foreign key or a view. */
async function readDependents(query: Query): Promise<string[]> {
  const rows = await query<{ name: string }>(`
    with own as (
      select 'pg_class'::regclass as class, oid from pg_class where relnamespace = to_regnamespace('${SCHEMA}')
      union all select 'pg_proc'::regclass, oid from pg_proc where pronamespace = to_regnamespace('${SCHEMA}')
      union all select 'pg_type'::regclass, oid from pg_type where typnamespace = to_regnamespace('${SCHEMA}')
    )
    select distinct coalesce(
        (select pg_describe_object('pg_class'::regclass, w.ev_class, 0) from pg_rewrite w
          where d.classid = 'pg_rewrite'::regclass and w.oid = d.objid),
        pg_describe_object(d.classid, d.objid, d.objsubid)) as name
    from pg_depend d join own on d.refclassid = own.class and d.refobjid = own.oid
      cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) i
    where d.deptype = 'n' and not exists (select from own o where o.class = d.classid and o.oid = d.objid)
      and coalesce(i.schema, '') <> '${SCHEMA}' and i.identity !~ '(^| on )${SCHEMA}\\.'
    order by 1`);
  return rows.map(({ name }) => name);
}
