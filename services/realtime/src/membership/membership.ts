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
import { requiredValues } from '../policies/claim-equality.ts';
import { readClaims } from '../policies/claim-paths.ts';
import type { RlsGroup } from '../rls/rls-group.ts';
import type { RlsGroupKey } from '../rls/rls-group-key.ts';
import { WHOLE } from '../snapshots/snapshot-visibility.ts';
import type { Subscription } from '../topics/subscription.ts';
import { Window } from '../windows/window.ts';
import { RateLimit } from './rate-limit.ts';
import { sharedRuns } from './shared-runs.ts';
import { digestOf, lookAtTables } from './table-counters.ts';
import type { Cause, WatchedTable } from './watched-table.ts';
import { WatchedTables } from './watched-tables.ts';

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
/** How many times what a digest took is between two of them. */
const DIGEST_SHARE = 20;
const REASON = 'what the row-level security of the table reads has changed';

export class Membership {
  #options: MembershipOptions;
  #tables: WatchedTables;
  #tablesOf = new Map<RlsGroup, WatchedTable[]>();
  #watch: { stop(): void } | undefined;
  #look = sharedRuns(() => this.#lookNow());
  /** Of all tables: each resync is a snapshot. */
  #resyncRate: RateLimit;
  #stopped = false;
  looksTotal = 0;
  resyncsTotal = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#tables = new WatchedTables(options.feed);
    this.#resyncRate = new RateLimit(options.resyncsPerS);
  }

  start(): void {
    const { intervalMs, observe } = this.#options;
    this.#watch = every('look at the tables that policies read', intervalMs, () => this.#tick(), observe);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.stop();
    for (const table of this.#tables.all) clearTimeout(table.timer);
  }

  counts() {
    let waiting = 0;
    for (const { due } of this.#tables.all) waiting += due.size;
    return { tables: this.#tables.all.size, waiting, looksTotal: this.looksTotal, resyncsTotal: this.resyncsTotal };
  }

  /** From here on, changes of what its policies read are told to the class. */
  add(group: RlsGroup, { identity }: RlsGroupKey): void {
    const claims = identity && readClaims(identity.claims);
    const tables = group.facts.tablesRead.tables.map((read) => {
      const table = this.#tables.of(read);
      table.add({
        group,
        required: claims && read.equalities && requiredValues(read.equalities, claims, read.columns),
      });
      return table;
    });
    if (tables.length > 0) this.#tablesOf.set(group, tables);
  }

  delete(group: RlsGroup): void {
    for (const table of this.#tablesOf.get(group) ?? []) table.delete(group);
    this.#tablesOf.delete(group);
  }

  /** Everybody begins afresh: positions of before may be of another history. */
  reset(): void {
    for (const table of this.#tables.all) this.#tables.forget(table);
  }

  receive(envelope: ChangeEnvelope): void {
    for (const table of this.#tables.named(envelope.table)) if (table.receive(envelope)) this.#tellSoon(table);
  }

  /** Who is of the class has to read at this position or behind it. */
  floor(group: RlsGroup): Lsn {
    let floor = 0n;
    for (const table of this.#tablesOf.get(group) ?? []) if (table.floor > floor) floor = table.floor;
    return floor;
  }

  /** Resolves once what has come of these tables is in every read from `floor` on. @throws where the primary does not answer */
  async ready(group: RlsGroup): Promise<void> {
    const through = this.#options.feed.sequence();
    for (const table of this.#tablesOf.get(group) ?? []) await this.#settled(table, through);
  }

  /**
   * Whether the tables may have changed for the class behind a position, so that it cannot be resumed from there. A change before
   * it counts too, where it was so shortly before that the client may have been cut off before it was told.
   */
  hasChangedSince(group: RlsGroup, { lsn, index }: { lsn: Lsn; index: number }, followed: string): boolean {
    const tables = this.#tablesOf.get(group) ?? [];
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
        group,
        { lsn, toldBefore },
        table.read.published.flatMap(({ key }) => since(key)),
      ),
    );
  }

  async #tick(): Promise<void> {
    for (const table of this.#tables.all) {
      if (table.readers.size === 0 && Date.now() - table.idleSince > KEEP_MS) this.#tables.forget(table);
    }
    if ([...this.#tables.all].some(({ isCounted, isUnsettled }) => isCounted || isUnsettled)) await this.#look();
  }

  async #lookNow(): Promise<void> {
    this.looksTotal += 1;
    const tables = [...this.#tables.all];
    const { visibility, counters } = await lookAtTables(this.#options.database, tables);
    const now = Date.now();
    for (const table of tables) {
      table.settle(visibility);
      const what = table.looked(counters(table), visibility.until);
      if (what === 'others') this.#tellAll(table, now);
      if (what === 'updates') table.hasUpdates = true;
    }
    for (const table of tables) if (table.hasUpdates && table.digestAt <= now) void this.#compare(table);
  }

  #tellAll(table: WatchedTable, at: number): void {
    table.hasUpdates = false;
    table.markAll(at);
    this.#tellSoon(table);
  }

  /** Most updates of a table that is not published are of columns that no policy reads: when somebody was seen last. */
  async #compare(table: WatchedTable): Promise<void> {
    const startedAt = Date.now();
    table.hasUpdates = false;
    table.digestAt = Number.POSITIVE_INFINITY;
    // Where it fails, nobody knows: the readers are told.
    const none = { digest: undefined, lsn: 0n };
    const { digest, lsn } = await digestOf(this.#options.database, table.read).catch(() => none);
    const now = Date.now();
    table.digestAt = now + DIGEST_SHARE * (now - startedAt);
    if (table.digested(digest, lsn)) this.#tellAll(table, now);
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
      for (const [{ group }, cause] of due) {
        for (const topic of [...group.topics]) {
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
      await this.#resyncRate.turn();
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
