/** `tidemark live`: which tables can be followed. Each answer is lines for people. */
import { identifier, openDatabase, type Pool } from '@tidemark/db';
import { errors } from '../errors.ts';
import {
  createPublication,
  findTable,
  hasPublication,
  type LiveTable,
  publishedTables,
  qualified,
  setReplicaIdentity,
  tryPolicy,
} from './statements.ts';

export interface LiveOptions {
  url: string;
  /** RELAY_PUBLICATION of the services. */
  publication: string;
  print(line: string): void;
}

/** @param name `table` or `schema.table`; letters as they are in Postgres */
export async function enableLive(options: LiveOptions, name: string, keyOnly: boolean): Promise<void> {
  await withPool(options.url, async (pool) => {
    const { publication, print } = options;
    const table = await requireTable(pool, publication, name);
    const label = `${table.schema}.${table.table}`;
    if (table.kind !== 'r' && table.kind !== 'p') throw errors.NOT_LIVE({ table: label, reason: 'it is no table' });
    if (table.persistence !== 'p') throw errors.NOT_LIVE({ table: label, reason: 'its changes are not in the WAL' });
    if (keyOnly && table.key.length === 0) throw errors.NOT_LIVE({ table: label, reason: 'it has no primary key' });
    if (keyOnly && table.security) {
      throw errors.NOT_LIVE({ table: label, reason: 'row-level security is decided over whole old rows' });
    }
    await pool.transaction(async (tx) => {
      if (!(await hasPublication(tx, publication))) {
        await createPublication(tx, publication);
      }
      // First: a published table without an identity refuses updates.
      await setReplicaIdentity(tx, table, keyOnly ? 'default' : 'full');
      if (!table.published) {
        await tx.query(`alter publication ${identifier(publication)} add table ${qualified(table)}`);
      }
    });
    print(table.published ? `${label} was live already` : `${label} is live`);
    for (const line of [...costOf(table, keyOnly), ...(await rightsOf(pool, table))]) print(`  ${line}`);
  });
}

export async function disableLive(options: LiveOptions, name: string): Promise<void> {
  await withPool(options.url, async (pool) => {
    const { publication, print } = options;
    const table = await requireTable(pool, publication, name);
    const label = `${table.schema}.${table.table}`;
    if (!table.published) {
      print(`${label} was not live`);
      return;
    }
    if (table.wholesale) {
      throw errors.NOT_LIVE({
        table: label,
        reason: `${publication} publishes all tables, of its schema or altogether`,
      });
    }
    const isOurs = table.identity === 'f' && table.otherPublications.length === 0;
    await pool.transaction(async (tx) => {
      await tx.query(`alter publication ${identifier(publication)} drop table ${qualified(table)}`);
      if (isOurs) await setReplicaIdentity(tx, table, 'default');
    });
    print(`${label} is no longer live; who follows it is told within a few seconds`);
    if (!isOurs && table.otherPublications.length > 0) {
      print(`  its replica identity stays as it is, for ${table.otherPublications.join(', ')}`);
    }
  });
}

export async function listLive(options: LiveOptions): Promise<void> {
  await withPool(options.url, async (pool) => {
    const tables = await publishedTables(pool, options.publication);
    if (tables.length === 0) options.print('no table is live: npx tidemark live enable <table>');
    for (const table of tables) {
      const old = table.identity === 'f' ? 'whole old rows' : 'keys of old rows';
      const security = table.security ? 'row-level security' : 'no row-level security';
      const readers = table.readers.length > 0 ? `read by ${table.readers.join(', ')}` : 'read by nobody';
      options.print(`${table.schema}.${table.table}  ${old}, ${security}, ${readers}`);
    }
  });
}

async function requireTable(pool: Pool, publication: string, name: string): Promise<LiveTable> {
  const dot = name.indexOf('.');
  const schema = dot < 0 ? 'public' : name.slice(0, dot);
  const table = name.slice(dot + 1);
  const found = await findTable(pool, publication, schema, table);
  if (!found) throw errors.TABLE_UNKNOWN({ schema, table });
  return found;
}

function costOf({ rowBytes, key, kind }: LiveTable, keyOnly: boolean): string[] {
  const lines = keyOnly
    ? ['old rows come as their key: a row that leaves a filter is told to all who might hold it']
    : [
        `each UPDATE and DELETE writes the whole old row to the WAL${rowBytes === null ? '' : `, here about ${rowBytes} bytes`}` +
          ', large values included; --key-only writes the key alone',
      ];
  if (key.length === 0) lines.push('without a primary key, clients find a row by all of its columns');
  if (kind === 'p') lines.push('a partition that is made later needs its own: alter table … replica identity full');
  return lines;
}

async function rightsOf(pool: Pool, table: LiveTable): Promise<string[]> {
  const { schema, security, policies, readers } = table;
  if (readers.length === 0) {
    return [`nobody may read it yet: grant select on ${schema}.${table.table} to authenticated;`];
  }
  const who = readers.join(', ');
  if (!security) return [`without row-level security, ${who} may follow every row that it grants them to read`];
  if (policies.length === 0) return ['row-level security is on and no policy shows a row: nobody will see a change'];
  const lines = [`${who} may follow the rows that its policies show: ${policies.map(({ name }) => name).join(', ')}`];
  for (const { name, using } of policies) {
    await tryPolicy(pool, table, using ?? 'true').catch((error: Error) => {
      lines.push(`the policy ${name} cannot decide on changes: ${error.message}`);
    });
  }
  return lines;
}

async function withPool(url: string, work: (pool: Pool) => Promise<void>): Promise<void> {
  const database = await openDatabase({
    primaryUrl: url,
    replicaUrls: [],
    applicationName: 'tidemark/live',
    observe: () => {},
  });
  try {
    await work(database.pools.admin);
  } finally {
    await database.close();
  }
}
