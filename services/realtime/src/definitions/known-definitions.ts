/** The published versions, written after JetStream has the message, so that a failed session loses none. */
import { formatLsn, type Lsn, parseLsn, ROLES_DEFINITION } from '@tidemark/contracts';
import { arrayLiteral, type Pool } from '@tidemark/db';

export interface Definition {
  /** Empty, with the table ROLES_DEFINITION, for the roles. */
  schema: string;
  table: string;
  /** Null for a table that was dropped or is no longer published. */
  version: string | null;
  /** A position at or after the last change of the definition, and after all that was published before. */
  since: Lsn;
}

export type KnownDefinition = Definition & { version: string };

export const definitionKey = ({ schema, table }: Pick<Definition, 'schema' | 'table'>): string => `${schema}\0${table}`;

export async function knownDefinition(
  pool: Pick<Pool, 'query'>,
  schema: string,
  table: string,
): Promise<{ table: KnownDefinition | undefined; roles: KnownDefinition | undefined }> {
  const rows = await pool.query<KnownRow>(
    `${KNOWN} where (schema_name, table_name) in (($1, $2), ('', '${ROLES_DEFINITION}'))`,
    [schema, table],
  );
  const found = rows.map(read);
  return {
    table: found.find((known) => known.schema === schema && known.table === table),
    roles: found.find((known) => known.schema === ''),
  };
}

export async function allKnownDefinitions(pool: Pick<Pool, 'query'>): Promise<KnownDefinition[]> {
  return (await pool.query<KnownRow>(KNOWN)).map(read);
}

/** Writes newer definitions. A stored position that this server has not reached is of another server. */
export async function writeDefinitions(pool: Pick<Pool, 'query'>, definitions: readonly Definition[]): Promise<void> {
  await pool.query(WRITE, [
    arrayLiteral(definitions.map(({ schema }) => schema)),
    arrayLiteral(definitions.map(({ table }) => table)),
    arrayLiteral(definitions.map(({ version }) => version)),
    arrayLiteral(definitions.map(({ since }) => formatLsn(since))),
  ]);
}

const WRITE = `
with given as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::pg_lsn[]) as g (schema_name, table_name, version, since)
), gone as (
  delete from tidemark.table_definitions d using given g
  where (d.schema_name, d.table_name) = (g.schema_name, g.table_name) and g.version is null
    and (d.since < g.since or d.since > pg_current_wal_insert_lsn())
)
insert into tidemark.table_definitions as d (schema_name, table_name, version, since)
select * from given where version is not null
on conflict (schema_name, table_name) do update set version = excluded.version, since = excluded.since
where d.since < excluded.since or d.since > pg_current_wal_insert_lsn()`;

interface KnownRow {
  schema: string;
  table: string;
  version: string;
  since: string;
}

const KNOWN =
  'select schema_name as schema, table_name as "table", version, since::text as since from tidemark.table_definitions';

const read = ({ since, ...row }: KnownRow): KnownDefinition => ({ ...row, since: parseLsn(since) });
