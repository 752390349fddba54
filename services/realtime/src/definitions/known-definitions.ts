/** tidemark.table_definitions: what the relay last saw. Only the relay writes it. */
import { type Lsn, parseLsn, ROLES_DEFINITION } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';

export interface KnownDefinition {
  schema: string;
  table: string;
  version: string;
  /** At or past every change of the definition. */
  since: Lsn;
}

/** Of one table and of the roles; undefined where the relay has not seen them. Asked as the service itself. */
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

interface KnownRow {
  schema: string;
  table: string;
  version: string;
  since: string;
}

const KNOWN =
  'select schema_name as schema, table_name as "table", version, since::text as since from tidemark.table_definitions';

const read = ({ since, ...row }: KnownRow): KnownDefinition => ({ ...row, since: parseLsn(since) });
