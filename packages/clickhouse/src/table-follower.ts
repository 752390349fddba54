/** A table of the sink has a position, and rows that wait to be inserted. */
import type { ChangeMessage } from '@tidemark/bus';
import { identifier, type Pool, parseXidSnapshot, visible, type XidSnapshot } from '@tidemark/db';
import type { ClickHouseServer } from './clickhouse-server.ts';
import type { Abilities } from './column-types.ts';
import type { CopiedSnapshot, Position } from './positions.ts';
import type { SourceTable } from './source-table.ts';
import { type Image, imageOfRow, RowWriter, type SlicedChange, selectRows } from './table-rows.ts';
import { storageOf } from './target.ts';

export interface TableStats {
  table: string;
  rowsTotal: number;
  deletesTotal: number;
  snapshotsTotal: number;
  /** ms since 1970 of the newest stored change; 0: none since the start. */
  storedAt: number;
}

/** Keys whose rows are read again in one statement. */
const READ_KEYS = 500;

export class TableFollower {
  readonly #server: ClickHouseServer;
  readonly #postgres: Pool;
  readonly #abilities: Abilities;
  #position: Position;
  #writer: RowWriter;
  #seen: { snapshot: XidSnapshot; until: bigint } | undefined;
  /** JSON of the changed rows by key. Each is inserted once, as it was last, because ClickHouse keeps the last of equal versions. */
  #pending = new Map<string, string>();
  #pendingBytes = 0;
  /** Keys of rows whose change lacks values, with the position of the change. */
  #incomplete = new Map<string, { image: Image; lsn: bigint }>();
  /** The version of the definition in the last envelope. */
  definition: string | undefined;
  rowsTotal = 0;
  deletesTotal = 0;
  storedAt = 0;

  constructor(server: ClickHouseServer, postgres: Pool, abilities: Abilities, position: Position) {
    this.#server = server;
    this.#postgres = postgres;
    this.#abilities = abilities;
    this.#position = position;
    this.#writer = new RowWriter(position.source, abilities);
    this.#seen = seenBy(position.snapshot);
  }

  get position(): Position {
    return this.#position;
  }

  get source(): SourceTable {
    return this.#position.source;
  }

  get pendingRows(): number {
    return this.#pending.size + this.#incomplete.size;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Whether the message belongs to another history than the table's rows. */
  isOfOtherEpoch({ epoch, sequence }: ChangeMessage): boolean {
    return sequence > this.#position.sequence && this.#position.epoch !== undefined && this.#position.epoch !== epoch;
  }

  /** Whether the rows have the changes of the message already. */
  has({ sequence, lsn, xid }: ChangeMessage): boolean {
    if (sequence <= this.#position.sequence) return true;
    if (this.#seen && lsn > this.#seen.until) {
      this.#seen = undefined;
      this.#position = { ...this.#position, snapshot: undefined };
    }
    return this.#seen !== undefined && visible(this.#seen.snapshot, xid);
  }

  /** Whether the change has a column that is new here. */
  isForeign({ row }: SlicedChange): boolean {
    return row !== undefined && !this.#writer.knows(row);
  }

  take({ type, row, old, missing }: SlicedChange, lsn: bigint): void {
    if (type === 'delete') {
      if (old) this.#put(old, lsn, true);
      return;
    }
    if (!row) return;
    const key = this.#writer.keyOf(row);
    if (old && this.#writer.keyOf(old) !== key) this.#put(old, lsn, true);
    if (missing.length === 0) {
      this.#put(row, lsn, false);
      return;
    }
    this.#pendingBytes -= this.#pending.get(key)?.length ?? 0;
    this.#pending.delete(key);
    this.#incomplete.set(key, { image: row, lsn });
  }

  #put(image: Image, lsn: bigint, isDeleted: boolean): void {
    const key = this.#writer.keyOf(image);
    const row = isDeleted ? this.#writer.tombstone(image, lsn) : this.#writer.row(image, lsn);
    this.#incomplete.delete(key);
    this.#pendingBytes += row.length - (this.#pending.get(key)?.length ?? 0);
    this.#pending.set(key, row);
    if (isDeleted) this.deletesTotal += 1;
    else this.rowsTotal += 1;
  }

  /** Inserts what waits. A second try after a failure inserts the same versions, of which ClickHouse keeps one. */
  async flush(): Promise<void> {
    await this.#complete();
    if (this.#pending.size === 0) return;
    await this.#server.insert(storageOf(this.source, this.#position.generation), [...this.#pending.values()]);
    this.discard();
    this.storedAt = Date.now();
  }

  discard(): void {
    this.#pending.clear();
    this.#incomplete.clear();
    this.#pendingBytes = 0;
  }

  /** Only after `flush`: everything up to the sequence is stored. */
  advance(epoch: string, sequence: number): void {
    if (sequence > this.#position.sequence) this.#position = { ...this.#position, epoch, sequence };
  }

  altered(source: SourceTable): void {
    this.#position = { ...this.#position, source };
    this.#writer = new RowWriter(source, this.#abilities);
  }

  /**
   * Reads rows whose change lacks large values. A row may be newer than its change, whose successor comes later; one that is
   * gone has a delete that comes later.
   */
  async #complete(): Promise<void> {
    const wanted = [...this.#incomplete];
    for (let from = 0; from < wanted.length; from += READ_KEYS) {
      const part = wanted.slice(from, from + READ_KEYS);
      const rows = await this.#postgres.transaction(
        async (tx) => {
          await tx.query('set local row_security = off');
          return tx.query<{ row: string; n: string }>(
            this.#readSql(),
            this.source.key.map((name) => part.map(([, { image }]) => keyText(image, name))),
          );
        },
        { readOnly: true },
      );
      for (const { row, n } of rows) {
        const [key, { lsn }] = part[Number(n) - 1] as (typeof part)[number];
        if (this.#incomplete.has(key)) this.#put(imageOfRow(row, this.source), lsn, false);
      }
      for (const [key] of part) this.#incomplete.delete(key);
    }
  }

  #readSql(): string {
    const { key, columns } = this.source;
    const typeOf = (name: string) => columns.find((column) => column.name === name)?.type ?? 'text';
    const names = key.map((_, n) => `k${n}`);
    const equal = key.map((name, n) => `r.${identifier(name)} = w.k${n}::${typeOf(name)}`);
    const lists = key.map((_, n) => `$${n + 1}::text[]`);
    return `select part.row, w.n::text as n from unnest(${lists.join(', ')}) with ordinality as w (${names.join(', ')}, n)
      cross join lateral (${selectRows(this.source)} where ${equal.join(' and ')}) part`;
  }
}

function keyText({ values, texts }: Image, name: string): string {
  const json = values.get(name) ?? 'null';
  return texts.get(name) ?? (json.startsWith('"') ? (JSON.parse(json) as string) : json);
}

function seenBy(snapshot: CopiedSnapshot | undefined) {
  return snapshot && { snapshot: parseXidSnapshot(snapshot.text), until: BigInt(snapshot.until) };
}
