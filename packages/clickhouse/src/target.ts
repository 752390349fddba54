/**
 * The tables of ClickHouse: `tidemark.<schema>.<table>.<generation>` has the rows, and the view `<schema>.<table>` shows the
 * latest version of each that is not deleted. A new snapshot is a new generation, which the view shows once it is complete.
 */
import { type ClickHouseServer, identifier, literal } from './clickhouse-server.ts';
import { type Abilities, clickhouseType } from './column-types.ts';
import { errors } from './errors.ts';
import type { SourceColumn, SourceTable, TableName } from './source-table.ts';

export const OWN_DATABASE = 'tidemark';
export const VERSION = '_tidemark_lsn';
export const DELETED = '_tidemark_deleted';

export const nameOf = ({ schema, table }: TableName): string => `${schema}.${table}`;
const storageName = (name: TableName, generation: number) => `${nameOf(name)}.${generation}`;
export const storageOf = (name: TableName, generation: number): string =>
  `${OWN_DATABASE}.${identifier(storageName(name, generation))}`;

export class Target {
  readonly #server: ClickHouseServer;
  readonly #abilities: Abilities;

  constructor(server: ClickHouseServer, abilities: Abilities) {
    this.#server = server;
    this.#abilities = abilities;
  }

  async createStorage(source: SourceTable, generation: number): Promise<void> {
    const storage = storageOf(source, generation);
    await this.#server.run(`drop table if exists ${storage}`);
    const columns = source.columns.map((column) => this.#definition(column, source.key.includes(column.name)));
    await this.#server.run(
      `create table ${storage} (${columns.join(', ')}, ${VERSION} UInt64, ${DELETED} UInt8) ` +
        `engine = ReplacingMergeTree(${VERSION}) order by (${source.key.map(identifier).join(', ')})`,
    );
  }

  async alterStorage(
    name: TableName,
    generation: number,
    added: readonly SourceColumn[],
    dropped: readonly SourceColumn[],
  ) {
    const storage = storageOf(name, generation);
    const existing = await this.#columnsOf(name, generation);
    for (const column of added) {
      // A restart repeats an alteration of which the position does not tell.
      if (!existing.has(column.name))
        await this.#server.run(`alter table ${storage} add column ${this.#definition(column, false)}`);
    }
    for (const { name: column } of dropped) {
      if (existing.has(column)) await this.#server.run(`alter table ${storage} drop column ${identifier(column)}`);
    }
  }

  async truncateStorage(name: TableName, generation: number): Promise<void> {
    await this.#server.run(`truncate table ${storageOf(name, generation)}`);
  }

  /** The old view is in place until the moment of the new one: RENAME of both is one statement. */
  async showGeneration(source: SourceTable, generation: number): Promise<void> {
    const { schema, table } = source;
    await this.#server.run(`create database if not exists ${identifier(schema)}`);
    const shown = await this.#engineOf(schema, table);
    if (shown !== undefined && shown !== 'View') throw errors.TARGET_TAKEN({ table: nameOf(source), engine: shown });
    const view = `${identifier(schema)}.${identifier(table)}`;
    const [next, last] = ['next', 'last'].map((suffix) => `${identifier(schema)}.${identifier(`${table}.${suffix}`)}`);
    for (const left of [next, last]) await this.#server.run(`drop table if exists ${left}`);
    const columns = source.columns.map(({ name }) => identifier(name)).join(', ');
    await this.#server.run(
      `create view ${next} as select ${columns} from ${storageOf(source, generation)} final where ${DELETED} = 0`,
    );
    await this.#server.run(
      shown === undefined ? `rename table ${next} to ${view}` : `rename table ${view} to ${last}, ${next} to ${view}`,
    );
    await this.#server.run(`drop table if exists ${last}`);
  }

  async dropOtherGenerations(name: TableName, kept: number): Promise<void> {
    const tables = await this.#server.rows<{ name: string }>(
      `select name from system.tables where database = ${literal(OWN_DATABASE)}`,
    );
    const prefix = `${nameOf(name)}.`;
    for (const { name: found } of tables) {
      const isOurs = found.startsWith(prefix) && /^\d+$/.test(found.slice(prefix.length));
      if (isOurs && found !== storageName(name, kept)) {
        await this.#server.run(`drop table if exists ${OWN_DATABASE}.${identifier(found)}`);
      }
    }
  }

  #definition(column: SourceColumn, isKey: boolean): string {
    return `${identifier(column.name)} ${clickhouseType(column, isKey, this.#abilities)}`;
  }

  async #engineOf(database: string, table: string): Promise<string | undefined> {
    const [found] = await this.#server.rows<{ engine: string }>(
      `select engine from system.tables where database = ${literal(database)} and name = ${literal(table)}`,
    );
    return found?.engine;
  }

  async #columnsOf(name: TableName, generation: number): Promise<ReadonlySet<string>> {
    const rows = await this.#server.rows<{ name: string }>(
      `select name from system.columns where database = ${literal(OWN_DATABASE)} and table = ${literal(storageName(name, generation))}`,
    );
    return new Set(rows.map(({ name: column }) => column));
  }
}
