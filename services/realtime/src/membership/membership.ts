/**
 * Follows the tables that policies read besides the row. Their changes let rows enter and leave a subscriber's view,
 * so subscribers are resynced and windows are read again. Changes of a published table concern the RLS groups whose
 * claims equal values of its rows; for any other table, Postgres's statistics only tell that something changed.
 * `intervalMs` and `resyncsPerS` bound the cost of tables that are written all the time. A resync waits until the
 * change is visible on the primary, and reads there or from a replica that has replayed it (`floor`).
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
  /** Time between two resyncs for one table, and between two reads of the statistics, ms. */
  intervalMs: number;
  resyncsPerS: number;
  observe: (event: RealtimeEvent) => void;
}

/** Time for which an unused table is watched, for clients that reconnect and resume, ms. */
const KEEP_MS = 120_000;
/** Time between two looks whether a commit in the WAL has become visible, ms. */
const SETTLE_MS = 20;
/** Time after which connected clients have received the resync for a change, ms. */
const TOLD_MS = 60_000;
/** Pause between two digests of a table, as a multiple of the time that the last one took. */
const DIGEST_SHARE = 20;
const REASON = 'a table that the row-level security reads has changed';

export class Membership {
  #options: MembershipOptions;
  #tables: WatchedTables;
  #tablesOf = new Map<RlsGroup, WatchedTable[]>();
  #watch: { stop(): void } | undefined;
  #look = sharedRuns(() => this.#lookNow());
  /** Limit over all tables, since each resync takes a snapshot. */
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

  /** Forgets everything, when all subscriptions are resynced: earlier positions may be of another history. */
  reset(): void {
    for (const table of this.#tables.all) this.#tables.forget(table);
  }

  receive(envelope: ChangeEnvelope): void {
    for (const table of this.#tables.named(envelope.table)) if (table.receive(envelope)) this.#tellSoon(table);
  }

  /** Returns the position from which on the group's subscribers must read. */
  floor(group: RlsGroup): Lsn {
    let floor = 0n;
    for (const table of this.#tablesOf.get(group) ?? []) if (table.floor > floor) floor = table.floor;
    return floor;
  }

  /** Resolves once every read from `floor` on reflects the changes received so far. */
  async ready(group: RlsGroup): Promise<void> {
    const through = this.#options.feed.sequence();
    for (const table of this.#tablesOf.get(group) ?? []) await this.#settled(table, through);
  }

  /** A change within TOLD_MS before the position counts, too: the client may have been cut off before the resync. */
  hasChangedSince(group: RlsGroup, { lsn, index }: { lsn: Lsn; index: number }, followed: string): boolean {
    const tables = this.#tablesOf.get(group) ?? [];
    const { ring } = this.#options.feed;
    const { floor } = ring;
    if (tables.length === 0) return false;
    if (!floor || floor.lsn > lsn) return true;
    const since = (key: string) => ring.since(key, floor.sequence) ?? [];
    // At the position of a snapshot, the client held the right rows.
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

  /** Most updates of unpublished tables are of columns that no policy reads, such as the last login. */
  async #compare(table: WatchedTable): Promise<void> {
    const startedAt = Date.now();
    table.hasUpdates = false;
    table.digestAt = Number.POSITIVE_INFINITY;
    // Without a digest, the table counts as changed.
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

function hasSeen(subscription: Subscription, { marks, at }: Cause): boolean {
  if (at !== undefined && subscription.startedAt <= at) return false;
  return marks.every((mark) => subscription.beganBehind(mark, WHOLE) === true);
}
