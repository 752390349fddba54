/**
 * Policies that read other tables: when those change, rows enter and leave a subscriber's view without a change of their own. Who may
 * be concerned is told to begin afresh, with a resync; a window is read again.
 *
 * A published table's changes come through the feed, and concern the classes of rights whose claims its rows are pinned to. Of
 * any other, Postgres's statistics say that something has changed, which concerns all who read it.
 *
 * Nobody is told of a table twice within `intervalMs`, and no more are told than `resyncsPerS`: that bounds what a table that is
 * written all the time costs. What is told waits until the change is visible on the primary, and whoever begins afresh reads it
 * there, or from a replica that has replayed it (`floor`).
 */
import type { Lsn } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { RealtimeEvent } from '../events.ts';
import { readClaims } from '../policies/claim-paths.ts';
import { pinnedValues } from '../policies/pins.ts';
import type { TableRead } from '../policies/tables-read.ts';
import type { ClassRights } from './class-rights.ts';
import { WHOLE } from './gate.ts';
import { lookAtTables } from './look-at-tables.ts';
import { Pace } from './pace.ts';
import type { RightsClass } from './rights-class.ts';
import type { Subscription } from './subscription.ts';
import { type Cause, WatchedTable } from './watched-table.ts';
import { Window } from './window.ts';

export interface MembershipOptions {
  database: Database;
  feed: Feed;
  /** Between two times that the readers of a table are told, and between two looks at the statistics, ms. */
  intervalMs: number;
  resyncsPerS: number;
  observe: (event: RealtimeEvent) => void;
}

/** A table that nobody reads any more is watched for so long, for clients that were cut off and resume, ms. */
const KEEP_MS = 120_000;
/** Until a commit that is in the WAL is visible, where it is not at once, ms. */
const SETTLE_MS = 20;
/** Between a change and the moment at which who was connected has been told of it, at most, ms. */
const TOLD_MS = 60_000;
const REASON = 'what the row-level security of the table reads has changed';

export class Membership {
  #options: MembershipOptions;
  #tables = new Map<string, WatchedTable>();
  #byName = new Map<string, Set<WatchedTable>>();
  #ofClass = new Map<RightsClass, WatchedTable[]>();
  #watch: { stop(): void } | undefined;
  #looking: Promise<void> = Promise.resolve();
  #nextLook: Promise<void> | undefined;
  /** Of all tables: each resync is a snapshot. */
  #pace: Pace;
  #stopped = false;
  looksTotal = 0;
  resyncsTotal = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#pace = new Pace(options.resyncsPerS);
  }

  start(): void {
    const { intervalMs, observe } = this.#options;
    this.#watch = every('look at the tables that policies read', intervalMs, () => this.#tick(), observe);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.stop();
    for (const table of this.#tables.values()) clearTimeout(table.timer);
  }

  counts() {
    let waiting = 0;
    for (const { due } of this.#tables.values()) waiting += due.size;
    return { tables: this.#tables.size, waiting, looksTotal: this.looksTotal, resyncsTotal: this.resyncsTotal };
  }

  /** From here on, changes of what its policies read are told to the class. */
  add(rights: RightsClass, { identity }: ClassRights): void {
    const claims = identity && readClaims(identity.claims);
    const tables = rights.facts.tablesRead.tables.map((read) => {
      const table = this.#tableOf(read);
      table.add({ rights, pinned: claims && read.pins && pinnedValues(read.pins, claims, read.columns) });
      return table;
    });
    if (tables.length > 0) this.#ofClass.set(rights, tables);
  }

  delete(rights: RightsClass): void {
    for (const table of this.#ofClass.get(rights) ?? []) table.delete(rights);
    this.#ofClass.delete(rights);
  }

  /** Everybody begins afresh: positions of before may be of another history. */
  reset(): void {
    for (const table of this.#tables.values()) this.#forget(table);
  }

  receive(envelope: ChangeEnvelope): void {
    for (const table of this.#byName.get(envelope.table) ?? []) if (table.receive(envelope)) this.#tellSoon(table);
  }

  /** Who is of the class has to read at this position or behind it. */
  floor(rights: RightsClass): Lsn {
    let floor = 0n;
    for (const table of this.#ofClass.get(rights) ?? []) if (table.floor > floor) floor = table.floor;
    return floor;
  }

  /** Resolves once what has come of these tables is in every read from `floor` on. @throws where the primary does not answer */
  async ready(rights: RightsClass): Promise<void> {
    const through = this.#options.feed.sequence();
    for (const table of this.#ofClass.get(rights) ?? []) await this.#settled(table, through);
  }

  /**
   * Whether the tables may have changed for the class behind a position, so that it cannot be resumed from there. A change before
   * it counts too, where it was so shortly before that the client may have been cut off before it was told.
   */
  hasChangedSince(rights: RightsClass, { lsn, index }: { lsn: Lsn; index: number }, followed: string): boolean {
    const tables = this.#ofClass.get(rights) ?? [];
    const { ring } = this.#options.feed;
    const { floor } = ring;
    if (tables.length === 0) return false;
    if (!floor || floor.lsn > lsn) return true;
    const since = (key: string) => ring.since(key, floor.sequence) ?? [];
    // A position behind a snapshot is one where everything was as it should be.
    const cameAt = since(followed).findLast((envelope) => envelope.lsn <= lsn)?.receivedAt ?? 0;
    const toldBefore = index === WHOLE ? Number.POSITIVE_INFINITY : cameAt - TOLD_MS;
    return tables.some((table) =>
      table.mayHaveChanged(
        rights,
        { lsn, toldBefore },
        table.read.published.flatMap(({ key }) => since(key)),
      ),
    );
  }

  #tableOf(read: TableRead): WatchedTable {
    const key = JSON.stringify([read.published, read.counted, read.names]);
    let table = this.#tables.get(key);
    if (!table) {
      const { ring } = this.#options.feed;
      const recent = read.published.flatMap(({ key: name }) => ring.since(name, ring.floor?.sequence ?? 0) ?? []);
      table = new WatchedTable(read, recent);
      this.#tables.set(key, table);
      for (const { key: name } of read.published) {
        const named = this.#byName.get(name);
        if (named) named.add(table);
        else this.#byName.set(name, new Set([table]));
      }
    }
    return table;
  }

  #forget(table: WatchedTable): void {
    clearTimeout(table.timer);
    table.isForgotten = true;
    for (const [key, found] of this.#tables) if (found === table) this.#tables.delete(key);
    for (const { key } of table.read.published) {
      const named = this.#byName.get(key);
      named?.delete(table);
      if (named?.size === 0) this.#byName.delete(key);
    }
  }

  async #tick(): Promise<void> {
    for (const table of this.#tables.values()) {
      if (table.readers.size === 0 && Date.now() - table.idleSince > KEEP_MS) this.#forget(table);
    }
    if ([...this.#tables.values()].some(({ isCounted, isUnsettled }) => isCounted || isUnsettled)) await this.#look();
  }

  /** One that begins after this was called; those who call meanwhile share it. */
  #look(): Promise<void> {
    this.#nextLook ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        this.#nextLook = undefined;
        this.#looking = this.#lookNow();
        return this.#looking;
      });
    return this.#nextLook;
  }

  async #lookNow(): Promise<void> {
    this.looksTotal += 1;
    const tables = [...this.#tables.values()];
    const { gate, counters } = await lookAtTables(this.#options.database, tables);
    const now = Date.now();
    for (const table of tables) {
      table.settle(gate);
      if (!table.looked(counters(table), gate.until)) continue;
      table.markAll(now);
      this.#tellSoon(table);
    }
  }

  async #settled(table: WatchedTable, sequence: number): Promise<void> {
    while (!this.#stopped && !table.isForgotten && !table.isSettled(sequence)) {
      await this.#look();
      if (!table.isSettled(sequence)) await pause(SETTLE_MS);
    }
  }

  #tellSoon(table: WatchedTable): void {
    if (this.#stopped || table.isForgotten || table.timer || table.isTelling) return;
    table.timer = setTimeout(
      () => {
        table.timer = undefined;
        void this.#tell(table);
      },
      Math.max(0, table.restsUntil - Date.now()),
    );
  }

  async #tell(table: WatchedTable): Promise<void> {
    const { feed, intervalMs, observe } = this.#options;
    table.isTelling = true;
    try {
      // Others that come until then are told with these.
      await this.#settled(table, feed.sequence());
      const { due, later } = table;
      table.due = new Map();
      table.later = [];
      for (const { subscription, cause } of later) await this.#tellOne(table, subscription, cause);
      for (const [{ rights }, cause] of due) {
        for (const topic of [...rights.topics]) {
          if (topic instanceof Window) topic.touch(table.floor);
          else for (const subscription of [...topic.subscriptions]) await this.#tellOne(table, subscription, cause);
        }
      }
    } catch (error) {
      observe({ type: 'membership.failed', error: error as Error });
    } finally {
      table.isTelling = false;
      table.restsUntil = Date.now() + intervalMs;
      if (table.due.size > 0 || table.later.length > 0) this.#tellSoon(table);
    }
  }

  async #tellOne(table: WatchedTable, subscription: Subscription, cause: Cause): Promise<void> {
    if (subscription.ended) return;
    if (subscription.beginning === undefined) table.later.push({ subscription, cause });
    else if (!hasSeen(subscription, cause)) {
      await this.#pace.turn();
      if (subscription.ended) return;
      this.resyncsTotal += 1;
      subscription.resync(REASON);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Began with what has changed, or behind it. */
function hasSeen(subscription: Subscription, { marks, at }: Cause): boolean {
  if (at !== undefined && subscription.startedAt <= at) return false;
  return marks.every((mark) => subscription.beganBehind(mark, WHOLE) === true);
}
