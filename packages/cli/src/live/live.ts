/** `tidemark live`: enables, disables and lists the tables that clients can follow. Each command prints lines. */
import { identifier, openDatabase, type Pool } from '@tidemark/db';
import { errors } from '../errors.ts';
import { installDdlTrigger, removeDdlTrigger } from './ddl-trigger.ts';
import { withinLockTimeout } from './locks.ts';
import { obstacleOf, refusalOf } from './obstacles.ts';
import {
  forget,
  type Relation,
  relationsOf,
  remember,
  restoring,
  setIdentity,
  tryWrites,
  wantedIdentity,
} from './relations.ts';
import {
  creatingPublication,
  type Db,
  findTable,
  type LiveTable,
  publishedTables,
  qualified,
  tryPolicy,
} from './statements.ts';

export interface LiveOptions {
  url: string;
  /** The value of RELAY_PUBLICATION of the services. */
  publication: string;
  dryRun?: boolean;
  print(line: string): void;
}

const labelOf = ({ schema, table }: LiveTable) => `${schema}.${table}`;

/** One transaction: a table that cannot be live does not change. Upper and lower case are as in Postgres. */
export async function enableLive(options: LiveOptions, name: string, keyOnly: boolean): Promise<void> {
  await withPool(options.url, async (pool) => {
    const { publication, print, dryRun } = options;
    const table = await requireTable(pool, publication, name);
    const relations = await relationsOf(pool, table);
    const obstacle = obstacleOf(table, relations, publication, keyOnly);
    if (obstacle) throw errors.NOT_LIVE({ table: labelOf(table), ...obstacle });
    const statements = await enabling(pool, table, relations, publication, keyOnly);
    await changing(pool, relations, dryRun, async (tx) => {
      for (const statement of statements) await tx.query(statement);
      // The earlier identity of a table that was live before is unknown.
      if (!table.published || relations.some(({ was }) => was !== null)) {
        for (const relation of relations) await remember(tx, relation, keyOnly);
      }
      await tx.query('savepoint enabled');
      try {
        await tryWrites(tx, relations);
      } catch (error) {
        await tx.query('rollback to savepoint enabled');
        throw await refusalOf(tx, table, keyOnly, error as Error);
      }
    });
    if (dryRun) {
      for (const statement of statements) print(`${statement};`);
      print(`${labelOf(table)} can be live; nothing was changed`);
    } else print(table.published ? `${labelOf(table)} was live already` : `${labelOf(table)} is live`);
    const announced = dryRun ? [] : await installDdlTrigger(pool, options.url);
    for (const line of [...costOf(table, keyOnly), ...(await rightsOf(pool, table)), ...announced]) print(`  ${line}`);
  });
}

/** The identity comes first, because a published table without one refuses updates. */
async function enabling(
  db: Db,
  table: LiveTable,
  relations: readonly Relation[],
  publication: string,
  keyOnly: boolean,
): Promise<string[]> {
  const create = await creatingPublication(db, publication);
  const identities = relations.flatMap((relation) => {
    const wanted = wantedIdentity(relation, keyOnly);
    return wanted === undefined ? [] : [setIdentity(relation, wanted)];
  });
  const add = `alter publication ${identifier(publication)} add table ${qualified(table)}`;
  return [...(create === undefined ? [] : [create]), ...identities, ...(table.published ? [] : [add])];
}

/** Restores the earlier replica identity if the table's writes still work with it. */
export async function disableLive(options: LiveOptions, name: string): Promise<void> {
  await withPool(options.url, async (pool) => {
    await disableOne(pool, options, await requireTable(pool, options.publication, name));
    if (options.dryRun) return;
    const left = await publishedTables(pool, options.publication);
    // The triggers that enabling the first table installed are dropped with the last table.
    if (left.every(({ schema }) => schema === 'tidemark'))
      for (const line of await removeDdlTrigger(pool)) options.print(line);
  });
}

export async function disableAllLive(options: LiveOptions): Promise<void> {
  await withPool(options.url, async (pool) => {
    const tables = await publishedTables(pool, options.publication);
    if (tables.length === 0) options.print('no table is live');
    for (const table of tables) await disableOne(pool, options, table);
    if (!options.dryRun) for (const line of await removeDdlTrigger(pool)) options.print(line);
  });
}

async function disableOne(pool: Pool, { publication, print, dryRun }: LiveOptions, table: LiveTable): Promise<void> {
  const label = labelOf(table);
  if (!table.published) {
    print(`${label} was not live`);
    return;
  }
  if (table.wholesale) {
    throw errors.NOT_LIVE({
      table: label,
      reason: `${publication} publishes all tables, of its schema or altogether`,
      remedy: `Take out the schema (alter publication ${identifier(publication)} drop tables in schema ${identifier(table.schema)};), or make a publication of single tables.`,
    });
  }
  const relations = await relationsOf(pool, table);
  const said: string[] = [];
  const done: string[] = [];
  await changing(pool, relations, dryRun, async (tx) => {
    const drop = `alter publication ${identifier(publication)} drop table ${qualified(table)}`;
    await tx.query(drop);
    done.push(drop);
    for (const relation of relations) {
      const back = restoring(relation) ?? unremembered(relation, table);
      if (back === undefined) continue;
      if ('stays' in back) said.push(back.stays);
      else {
        await tx.query('savepoint restored');
        try {
          await tx.query(back.statement);
          await tryWrites(tx, [relation]);
          done.push(back.statement);
        } catch (error) {
          await tx.query('rollback to savepoint restored');
          said.push(
            `the replica identity of ${relation.name} stays as it is, for its other publications: ${(error as Error).message}`,
          );
        }
      }
    }
    await forget(tx, relations);
  });
  if (dryRun) for (const statement of done) print(`${statement};`);
  print(
    dryRun
      ? `${label} would no longer be live; nothing was changed`
      : `${label} is no longer live; who follows it is told within a few seconds`,
  );
  for (const line of said) print(`  ${line}`);
}

/** Tidemark has set FULL, unless another publication needs it. */
function unremembered(relation: Relation, table: LiveTable): ReturnType<typeof restoring> {
  if (relation.was !== null || relation.identity !== 'f') return undefined;
  if (table.otherPublications.length === 0) return { statement: setIdentity(relation, 'default') };
  return {
    stays: `the replica identity of ${relation.name} stays as it is, for ${table.otherPublications.join(', ')}`,
  };
}

class DryRun extends Error {}

async function changing(
  pool: Pool,
  relations: readonly Relation[],
  dryRun: boolean | undefined,
  work: (tx: Db) => Promise<void>,
): Promise<void> {
  try {
    await withinLockTimeout(pool, relations, async (tx) => {
      await work(tx);
      if (dryRun) throw new DryRun();
    });
  } catch (error) {
    if (!(error instanceof DryRun)) throw error;
  }
}

export async function listLive(options: LiveOptions): Promise<void> {
  await withPool(options.url, async (pool) => {
    const tables = await publishedTables(pool, options.publication);
    if (tables.length === 0) options.print('no table is live: npx --no -- tidemark live enable <table>');
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
  });
  try {
    await work(database.pools.admin);
  } finally {
    await database.close();
  }
}
