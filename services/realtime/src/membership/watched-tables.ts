/** The watched tables of this instance, each once. */
import type { Feed } from '../changes/feed.ts';
import type { TableRead } from '../policies/tables-read.ts';
import { WatchedTable } from './watched-table.ts';

export class WatchedTables {
  #feed: Feed;
  #byKey = new Map<string, WatchedTable>();
  #byName = new Map<string, Set<WatchedTable>>();
  readonly all = new Set<WatchedTable>();

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  of(read: TableRead): WatchedTable {
    const key = JSON.stringify([read.published, read.counted, read.names]);
    const found = this.#byKey.get(key);
    if (found) return found;
    const { ring } = this.#feed;
    const recent = read.published.flatMap(({ key: name }) => ring.since(name, ring.floor?.sequence ?? 0) ?? []);
    const table = new WatchedTable(read, recent);
    this.#byKey.set(key, table);
    this.all.add(table);
    for (const { key: name } of read.published) {
      const named = this.#byName.get(name);
      if (named) named.add(table);
      else this.#byName.set(name, new Set([table]));
    }
    return table;
  }

  named(tableKey: string): Iterable<WatchedTable> {
    return this.#byName.get(tableKey) ?? [];
  }

  forget(table: WatchedTable): void {
    clearTimeout(table.timer);
    table.isForgotten = true;
    this.all.delete(table);
    for (const [key, found] of this.#byKey) if (found === table) this.#byKey.delete(key);
    for (const { key } of table.read.published) {
      const named = this.#byName.get(key);
      named?.delete(table);
      if (named?.size === 0) this.#byName.delete(key);
    }
  }
}
