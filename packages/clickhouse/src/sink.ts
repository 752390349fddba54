/**
 * Keeps tables of ClickHouse equal to tables of Postgres.
 *
 *   (no position, a break, a new epoch, an alteration of old rows) ──► copying ──► following ──full batch, or time──► storing ──► following
 *
 * The rows are stored first, then the position that covers them: a restart at any point inserts some rows again, with the same
 * version, of which ClickHouse keeps one.
 */
import type { ChangeMessage } from '@tidemark/bus';
import { tableKey } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import { ClickHouseServer } from './clickhouse-server.ts';
import { type Abilities, abilitiesOf } from './column-types.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { errors } from './errors.ts';
import type { Observe } from './events.ts';
import { type Item, MessageQueue } from './message-queue.ts';
import { type Position, Positions } from './positions.ts';
import { Retry } from './retry.ts';
import type { Sink, SinkOptions, SinkStats } from './sink-types.ts';
import { checkedSource, copyTable } from './snapshot.ts';
import { alterationOf, isSameTable, readSourceTable, type TableName } from './source-table.ts';
import { TableFollower } from './table-follower.ts';
import { sliceEnvelope } from './table-rows.ts';
import { nameOf, Target } from './target.ts';

const FLUSH_MS = 1_000;
const MAX_BATCH_ROWS = 50_000;
const MAX_BATCH_BYTES = 16 * 1024 ** 2;
/** Without changes the position is stored only this often, so that a restart is not behind the stream's retention. */
const IDLE_SAVE_MS = 60_000;
/** The catalog is read this often, since not every change of it is announced in the stream at once. */
const CATALOG_MS = 5_000;

export class RunningSink implements Sink {
  readonly #options: SinkOptions;
  readonly #observe: Observe;
  readonly #pool: ConnectionPool;
  readonly #postgres: Pool;
  readonly #server: ClickHouseServer;
  readonly #positions: Positions;
  readonly #stopping = new AbortController();
  readonly #retry: Retry;
  readonly #tables = new Map<string, TableFollower>();
  readonly #snapshots = new Map<string, number>();
  readonly #gone = new Set<string>();
  #abilities!: Abilities;
  #target!: Target;
  #queue: MessageQueue | undefined;
  #last: ChangeMessage | undefined;
  #batchSince = 0;
  #savedAt = Date.now();
  #checkedAt = Date.now();
  #flushesTotal = 0;
  ended: Promise<void> = Promise.resolve();

  constructor(options: SinkOptions, pool: ConnectionPool, postgres: Pool) {
    this.#options = options;
    this.#observe = options.observe ?? (() => undefined);
    this.#pool = pool;
    this.#postgres = postgres;
    this.#server = new ClickHouseServer(pool);
    this.#positions = new Positions(this.#server);
    this.#retry = new Retry(this.#observe, this.#stopping.signal);
  }

  async begin(): Promise<void> {
    this.#abilities = abilitiesOf(await this.#server.version());
    this.#target = new Target(this.#server, this.#abilities);
    await this.#positions.prepare();
    const stored = await this.#positions.read();
    for (const name of this.#options.tables) await this.#retry.run(() => this.#open(name, stored.get(nameOf(name))));
    const after = Math.min(...[...this.#tables.values()].map(({ position }) => position.sequence));
    this.#queue = new MessageQueue(this.#options.bus, after);
    this.ended = this.#run(this.#queue);
    // `stop` waits for it as well, and a rejection that nobody awaits would end the process.
    this.ended.catch(() => undefined);
  }

  stats(): SinkStats {
    return {
      tables: [...this.#tables.values()].map((table) => ({
        table: nameOf(table.source),
        rowsTotal: table.rowsTotal,
        deletesTotal: table.deletesTotal,
        snapshotsTotal: this.#snapshots.get(nameOf(table.source)) ?? 0,
        storedAt: table.storedAt,
      })),
      connections: this.#pool.stats(),
      queuedBytes: this.#queue?.bytes ?? 0,
      pausesTotal: this.#queue?.pausesTotal ?? 0,
      flushesTotal: this.#flushesTotal,
      problem: this.#queue?.problem(),
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#queue?.stop();
    await this.ended.catch(() => undefined);
    await Promise.all([this.#pool.close(), this.#postgres.close()]);
  }

  async #open(name: TableName, position: Position | undefined): Promise<void> {
    const source = checkedSource(await this.#read(name), name, this.#options.publication);
    if (!position) return this.#copy(name, 'it is new');
    this.#follow(position);
    // A crash may have left the view at another generation, and generations that were never finished.
    await this.#target.showGeneration(position.source, position.generation);
    await this.#target.dropOtherGenerations(name, position.generation);
    if (!isSameTable(position.source, source)) await this.#checkDefinition(this.#tableOf(name));
  }

  #follow(position: Position): TableFollower {
    const { source } = position;
    const table = new TableFollower(this.#server, this.#postgres, this.#abilities, position);
    const before = this.#tables.get(tableKey(source.schema, source.table));
    if (before)
      Object.assign(table, {
        rowsTotal: before.rowsTotal,
        deletesTotal: before.deletesTotal,
        storedAt: before.storedAt,
      });
    this.#tables.set(tableKey(source.schema, source.table), table);
    return table;
  }

  #tableOf = ({ schema, table }: TableName) => this.#tables.get(tableKey(schema, table)) as TableFollower;

  #read = (name: TableName) =>
    readSourceTable((sql, params) => this.#postgres.query(sql, params), name, this.#options.publication);

  async #copy(name: TableName, reason: string): Promise<void> {
    const table = nameOf(name);
    const began = Date.now();
    this.#observe({ type: 'sink.snapshot', table, reason });
    const generation = 1 + (this.#tableOf(name)?.position.generation ?? 0);
    const { bus, publication } = this.#options;
    const checkRunning = () => {
      if (this.#stopping.signal.aborted) throw errors.STOPPED({});
    };
    const tools = { bus, publication, postgres: this.#postgres, server: this.#server, target: this.#target };
    const copied = await copyTable({ ...tools, abilities: this.#abilities, checkRunning }, name, generation);
    await this.#positions.save(new Map([[table, copied.position]]));
    await this.#target.showGeneration(copied.position.source, generation);
    await this.#target.dropOtherGenerations(name, generation);
    this.#follow(copied.position).storedAt = Date.now();
    this.#snapshots.set(table, 1 + (this.#snapshots.get(table) ?? 0));
    this.#observe({ type: 'sink.copied', table, rows: copied.rows, ms: Date.now() - began });
  }

  async #run(queue: MessageQueue): Promise<void> {
    const flushMs = this.#options.flushMs ?? FLUSH_MS;
    try {
      for (;;) {
        const waited = this.#batchSince === 0 ? 0 : Date.now() - this.#batchSince;
        const item = await queue.next(Math.max(1, flushMs - waited));
        if (item) await this.#take(item);
        if (Date.now() - this.#checkedAt >= CATALOG_MS) await this.#checkDefinitions();
        if (this.#isFull() || this.#isDue(flushMs)) await this.#flush();
        if (this.#stopping.signal.aborted) break;
      }
      // One attempt: after a failure the next start inserts the same rows again.
      await this.#store();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      await queue.stop();
      throw error;
    }
  }

  #isFull(): boolean {
    let rows = 0;
    let bytes = 0;
    for (const table of this.#tables.values()) {
      rows += table.pendingRows;
      bytes += table.pendingBytes;
    }
    return rows >= MAX_BATCH_ROWS || bytes >= MAX_BATCH_BYTES;
  }

  #isDue(flushMs: number): boolean {
    const now = Date.now();
    return (this.#batchSince > 0 && now - this.#batchSince >= flushMs) || now - this.#savedAt >= IDLE_SAVE_MS;
  }

  async #take(item: Item): Promise<void> {
    if (item.kind === 'break') return this.#copyAll(item.reason);
    const { message } = item;
    for (const table of this.#tables.values()) {
      if (table.isOfOtherEpoch(message)) await this.#copyAgain(table, 'the history was broken (new epoch)');
    }
    if (item.kind === 'envelope') await this.#takeEnvelope(message);
    else if (item.kind === 'definitions') await this.#takeDefinitions(message);
    this.#last = message;
  }

  async #copyAll(reason: string): Promise<void> {
    for (const table of [...this.#tables.values()]) await this.#copyAgain(table, reason);
    this.#last = undefined;
  }

  async #copyAgain(table: TableFollower, reason: string): Promise<void> {
    // The snapshot has the changes that wait.
    table.discard();
    await this.#retry.run(() => this.#copy(table.source, reason));
  }

  async #takeEnvelope(message: ChangeMessage): Promise<void> {
    let table = this.#tables.get(message.table);
    if (!table || this.#gone.has(message.table) || table.has(message)) return;
    const { definition, changes } = sliceEnvelope(message.bytes);
    if (definition !== table.definition || changes.some((change) => table?.isForeign(change))) {
      await this.#checkDefinition(table);
      table = this.#tables.get(message.table) as TableFollower;
      table.definition = definition;
      if (table.has(message)) return;
    }
    for (const change of changes) {
      if (change.type === 'truncate') await this.#truncate(table);
      else table.take(change, message.lsn);
    }
    if (table.pendingRows > 0 && this.#batchSince === 0) this.#batchSince = Date.now();
  }

  async #takeDefinitions({ bytes }: ChangeMessage): Promise<void> {
    const { tables } = JSON.parse(Buffer.from(bytes).toString()) as { tables: TableName[] };
    for (const { schema, table } of tables) {
      const found = this.#tables.get(tableKey(schema, table));
      if (found) await this.#checkDefinition(found);
    }
  }

  /** Rows before it are stored with their position first, so that a restart does not bring them back behind it. */
  async #truncate(table: TableFollower): Promise<void> {
    table.discard();
    await this.#flush();
    const { generation } = table.position;
    await this.#retry.run(() => this.#target.truncateStorage(table.source, generation));
    this.#observe({ type: 'sink.truncated', table: nameOf(table.source) });
  }

  async #checkDefinitions(): Promise<void> {
    for (const table of [...this.#tables.values()]) await this.#checkDefinition(table);
    this.#checkedAt = Date.now();
  }

  async #checkDefinition(table: TableFollower): Promise<void> {
    const { schema, table: relation } = table.source;
    const key = tableKey(schema, relation);
    const now = await this.#retry.run(() => this.#read(table.source));
    if (!now?.isPublished || now.key.length === 0) {
      // The rows stay as they are; the table is copied when it is back.
      if (!this.#gone.has(key)) this.#observe({ type: 'sink.table_gone', table: nameOf(table.source) });
      this.#gone.add(key);
      return;
    }
    if (this.#gone.delete(key)) return this.#copyAgain(table, 'it is published again');
    if (isSameTable(table.source, now)) return;
    const alteration = alterationOf(table.source, now);
    if (!alteration) return this.#copyAgain(table, 'its definition changed');
    const { added, dropped } = alteration;
    await this.#flush();
    const { generation } = table.position;
    await this.#retry.run(async () => {
      await this.#target.alterStorage(now, generation, added, []);
      await this.#target.showGeneration(now, generation);
      await this.#target.alterStorage(now, generation, [], dropped);
    });
    table.altered(now);
    await this.#retry.run(() => this.#save());
    this.#observe({
      type: 'sink.altered',
      table: nameOf(now),
      added: added.map(({ name }) => name),
      dropped: dropped.map(({ name }) => name),
    });
  }

  #flush(): Promise<void> {
    return this.#retry.run(() => this.#store());
  }

  async #store(): Promise<void> {
    await Promise.all([...this.#tables.values()].map((table) => table.flush()));
    this.#flushesTotal += 1;
    this.#batchSince = 0;
    const last = this.#last;
    if (last) for (const table of this.#tables.values()) table.advance(last.epoch, last.sequence);
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#positions.save(
      new Map([...this.#tables.values()].map((table) => [nameOf(table.source), table.position])),
    );
    this.#savedAt = Date.now();
  }
}
