/** How far each table is, in ClickHouse itself: the position is stored after the rows that it covers. */
import { type ClickHouseServer, identifier } from './clickhouse-server.ts';
import type { SourceTable } from './source-table.ts';
import { OWN_DATABASE } from './target.ts';

/** The changes up to `until` that the snapshot has seen are in its rows already. */
export interface CopiedSnapshot {
  /** pg_current_snapshot() of the copy. */
  readonly text: string;
  /** LSN, decimal. */
  readonly until: string;
}

export interface Position {
  readonly source: SourceTable;
  readonly generation: number;
  /** Undefined until the first message after a snapshot. */
  readonly epoch: string | undefined;
  /** Every message of the stream up to this one is stored. */
  readonly sequence: number;
  readonly snapshot: CopiedSnapshot | undefined;
}

const TABLE = `${OWN_DATABASE}.${identifier('positions')}`;

export class Positions {
  readonly #server: ClickHouseServer;
  #savedAt = 0;

  constructor(server: ClickHouseServer) {
    this.#server = server;
  }

  async prepare(): Promise<void> {
    await this.#server.run(`create database if not exists ${OWN_DATABASE}`);
    await this.#server.run(
      `create table if not exists ${TABLE} (target String, position String, saved_at UInt64) ` +
        'engine = ReplacingMergeTree(saved_at) order by target',
    );
  }

  async read(): Promise<ReadonlyMap<string, Position>> {
    const rows = await this.#server.rows<{ target: string; position: string; saved_at: string }>(
      `select target, position, saved_at from ${TABLE} final`,
    );
    // A clock that was set back must not make an older position the latest.
    for (const row of rows) this.#savedAt = Math.max(this.#savedAt, Number(row.saved_at));
    return new Map(rows.map(({ target, position }) => [target, JSON.parse(position) as Position]));
  }

  async save(positions: ReadonlyMap<string, Position>): Promise<void> {
    this.#savedAt = Math.max(this.#savedAt + 1, Date.now());
    const rows = [...positions].map(([target, position]) =>
      JSON.stringify({ target, position: JSON.stringify(position), saved_at: this.#savedAt }),
    );
    await this.#server.insert(TABLE, rows);
  }
}
