/**
 * Finds changed definitions during a session of the relay, one check at a time: of all tables at the start and each
 * `checkMs`, and before the envelopes of a transaction that may have changed one. Changes are published at once, and
 * written to tidemark.table_definitions once JetStream has them.
 */
import type { Lsn } from '@tidemark/contracts';
import { type Pool, parseXidSnapshot, visible } from '@tidemark/db';
import type { RealtimeEvent } from '../events.ts';
import { whatChanged } from './compare.ts';
import { hasDdlTrigger, NO_DDL_TRIGGER } from './ddl-trigger.ts';
import {
  allKnownDefinitions,
  type Definition,
  definitionKey,
  type KnownDefinition,
  writeDefinitions,
} from './known-definitions.ts';
import { currentSnapshot, type Look, lookAtDefinitions, type TableName } from './look.ts';

export interface DefinitionStats {
  looksTotal: number;
  failedTotal: number;
  /** Changed definitions, including all of a first check. */
  changesTotal: number;
  lastLookMs: number;
}

export interface DefinitionWatchOptions {
  admin: Pool;
  publication: string;
  checkMs: number;
  stats: DefinitionStats;
  observe: (event: RealtimeEvent) => void;
  /** Returns the highest position that a message had so far. */
  published(): Lsn;
  publish(changed: readonly Definition[], onStored: () => void): void;
  maxWaitMs?: number;
}

/** The interval of the checks as a multiple of their duration: they take at most a twentieth of the time. */
const SHARE = 20;
/** Limit of that interval, where checks fail because they take too long. */
const MAX_CHECK_MS = 60_000;
const REPORT_AGAIN_MS = 60_000;
/** A commit is invisible while its synchronous standby does not answer. The server drops a socket paused for 20 s. */
const MAX_WAIT_MS = 10_000;
/** An invisible change of a table is not in force yet, and the periodic checks find it once it is. */
const MAX_TABLE_WAIT_MS = 1_000;
const MAX_NAMES = 10;
const FIRST_PAUSE_MS = 2;
const MAX_PAUSE_MS = 100;

export class DefinitionWatch {
  #options: DefinitionWatchOptions;
  #known = new Map<string, KnownDefinition>();
  #position: Lsn | undefined;
  #isSettled = false;
  #lookedAt = 0;
  #last: Look | undefined;
  /** The transaction for which a single table was checked; for its next table, all are. */
  #partial: number | undefined;
  /** Definitions that are in JetStream, but not in tidemark.table_definitions yet. */
  #unwritten = new Map<string, Definition>();
  #writing = false;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #reported = '';
  #reportedAt = 0;
  #stopped = false;

  constructor(options: DefinitionWatchOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { admin, stats, observe } = this.#options;
    const isFirstSession = stats.looksTotal === 0;
    try {
      for (const known of await allKnownDefinitions(admin)) this.#known.set(definitionKey(known), known);
      if (isFirstSession && !(await hasDdlTrigger(admin))) {
        observe({ type: 'definitions.unannounced', hint: NO_DDL_TRIGGER });
      }
    } catch (error) {
      this.#failed(error as Error);
    }
    await this.#look().catch((error: Error) => this.#failed(error));
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Returns the version that was announced last. */
  versionOf(table: TableName): string | undefined {
    return this.#known.get(definitionKey(table))?.version;
  }

  /** Resolves once a check has seen this 32-bit `xid`; undefined where one has. Without `table`, all are checked. */
  before(xid: number, table?: TableName): Promise<void> | undefined {
    if (this.#last && visible(this.#last.snapshot, xid)) return undefined;
    const only = this.#partial === xid ? undefined : table;
    this.#partial = xid;
    const { maxWaitMs = table === undefined ? MAX_WAIT_MS : MAX_TABLE_WAIT_MS } = this.#options;
    return this.#lookUntilVisible(xid, only, maxWaitMs);
  }

  async #lookUntilVisible(xid: number, only: TableName | undefined, maxWaitMs: number): Promise<void> {
    const { observe } = this.#options;
    const deadline = Date.now() + maxWaitMs;
    while (!this.#stopped) {
      try {
        const look = await this.#look(only, xid);
        if (!look || visible(look.snapshot, xid)) return;
        await this.#untilVisible(xid, deadline);
      } catch (error) {
        this.#failed(error as Error);
        await pause(MAX_PAUSE_MS);
      }
      if (Date.now() < deadline) continue;
      observe({ type: 'definitions.unseen', xid, ms: maxWaitMs });
      return;
    }
  }

  async #untilVisible(xid: number, deadline: number): Promise<void> {
    for (let ms = FIRST_PAUSE_MS; Date.now() < deadline && !this.#stopped; ms = Math.min(MAX_PAUSE_MS, ms * 2)) {
      if (visible(parseXidSnapshot(await currentSnapshot(this.#options.admin)), xid)) return;
      await pause(ms);
    }
  }

  /** Runs a check after the running one, unless that has seen `xid`. */
  #look(only?: TableName, xid?: number): Promise<Look | undefined> {
    const turn = this.#turn.then(async () => {
      if (this.#stopped) return undefined;
      if (xid !== undefined && this.#last && visible(this.#last.snapshot, xid)) return this.#last;
      const { admin, publication, stats } = this.#options;
      const startedAt = performance.now();
      const look = await lookAtDefinitions(admin, publication, only).finally(() => {
        stats.looksTotal += 1;
        if (!only) stats.lastLookMs = performance.now() - startedAt;
      });
      if (!only) this.#last = look;
      if (!this.#stopped) this.#take(whatChanged(this.#known, look, only));
      return look;
    });
    // The caller receives the failure; the next turn starts in any case.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #take(found: readonly Definition[]): void {
    if (found.length === 0) return;
    const { stats, observe, publish, published } = this.#options;
    // Clients that hold a position up to here may have it with the former definition.
    const until = published();
    const changed = found.map((one) => (one.since < until ? { ...one, since: until } : one));
    stats.changesTotal += changed.length;
    for (const definition of changed) {
      const key = definitionKey(definition);
      if (isKnown(definition)) this.#known.set(key, definition);
      else this.#known.delete(key);
    }
    const names = changed
      .slice(0, MAX_NAMES)
      .map(({ schema, table }) => (schema === '' ? table : `${schema}.${table}`));
    observe({ type: 'definitions.changed', count: changed.length, names });
    publish(changed, () => {
      for (const definition of changed) this.#unwritten.set(definitionKey(definition), definition);
      void this.#write();
    });
  }

  /** The next check retries those that cannot be written, or the next session publishes them again. */
  async #write(): Promise<void> {
    if (this.#writing || this.#unwritten.size === 0) return;
    this.#writing = true;
    const definitions = [...this.#unwritten.values()];
    this.#unwritten.clear();
    try {
      await writeDefinitions(this.#options.admin, definitions);
    } catch (error) {
      for (const definition of definitions) {
        const key = definitionKey(definition);
        if (!this.#unwritten.has(key)) this.#unwritten.set(key, definition);
      }
      this.#failed(error as Error);
      return;
    } finally {
      this.#writing = false;
    }
    await this.#write();
  }

  #later(): void {
    if (this.#stopped) return;
    const { checkMs, stats } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#lookByTime()
          .catch((error: Error) => this.#failed(error))
          .finally(() => this.#later());
      },
      Math.max(checkMs, Math.min(stats.lastLookMs * SHARE, MAX_CHECK_MS)),
    );
  }

  /**
   * Skips the check where the WAL has not moved for two checks, or where the snapshot is the same, since every change of
   * a catalog has a transaction id. A commit may be visible later than its WAL, so one check in a while is not skipped.
   */
  async #lookByTime(): Promise<void> {
    await this.#write();
    const position = this.#options.published();
    const now = Date.now();
    const isSame = position === this.#position;
    if (isSame && this.#isSettled && now - this.#lookedAt < MAX_CHECK_MS) return;
    this.#isSettled = isSame;
    this.#position = position;
    this.#lookedAt = now;
    const snapshot = await currentSnapshot(this.#options.admin);
    if (snapshot !== this.#last?.snapshotText) await this.#look();
  }

  #failed(error: Error): void {
    this.#options.stats.failedTotal += 1;
    const now = Date.now();
    if (this.#stopped || (error.message === this.#reported && now - this.#reportedAt < REPORT_AGAIN_MS)) return;
    this.#reported = error.message;
    this.#reportedAt = now;
    this.#options.observe({ type: 'definitions.failed', error });
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const isKnown = (definition: Definition): definition is KnownDefinition => definition.version !== null;
