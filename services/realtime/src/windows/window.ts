/**
 * The topic of a live window: the first rows of a query in an order. A change does not tell which row enters when another leaves, and
 * only Postgres knows the order. So after a change that may concern the window, it is read again, once for all subscribers and at most
 * once per interval, from a server that has the change. Subscribers receive the difference as one frame.
 *
 *   idle ──change──► due ──interval──► reading ──► idle | due (the change was not visible yet, or others arrived)
 */
import { formatPosition, formatTidemark, type Lsn, TidemarkError } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { SharedLimit } from '@tidemark/service';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import { errors } from '../errors.ts';
import { isRefusal } from '../is-refusal.ts';
import { type Judged, matchChange } from '../query/row-match.ts';
import { WHOLE } from '../snapshots/snapshot-visibility.ts';
import { changesUpTo, snapshotFrame } from '../topics/frame.ts';
import type { Subscription } from '../topics/subscription.ts';
import { type DeliveryPolicy, Topic, type TopicInit } from '../topics/topic.ts';
import type { WindowReader } from './read-window.ts';
import { type ShownRow, windowChanges } from './window-diff.ts';

export interface WindowOptions {
  reader: WindowReader;
  lsn(): Lsn;
  memory: SharedLimit;
  holder: string;
  /** Time between two reads, ms. */
  windowMs: number;
  onFailed(error: Error): void;
  onRead(): void;
}

const RETRY_MS = 1_000;
const MAX_FAILURES = 5;
/** Another read would repeat these errors. */
const TOO_LARGE: ReadonlySet<string> = new Set(['RT_WINDOW_BYTES', 'RT_WINDOWS_FULL']);

export class Window extends Topic {
  #options: WindowOptions;
  #policy: DeliveryPolicy;
  #intervalMs: number;
  #identities = new WeakMap<Subscription, Identity>();
  #shown: readonly ShownRow[] | undefined;
  #position = '';
  #tidemark = '';
  #due: ChangeEnvelope | undefined;
  #again = false;
  #through: Lsn = 0n;
  #sequence = 0;
  #upper: Lsn = 0n;
  #reading: Promise<void> | undefined;
  #readAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #bytes = 0;
  #closed = false;

  constructor(init: TopicInit, options: WindowOptions) {
    super(init);
    const { mode, policy } = init;
    this.#options = options;
    this.#policy = policy;
    this.#intervalMs = mode === 'latest' ? Math.max(options.windowMs, policy.latestMs) : options.windowMs;
  }

  async join(subscription: Subscription, identity: Identity, wants: boolean): Promise<void> {
    this.#identities.set(subscription, identity);
    // The tables that policies read may have changed since the last read.
    if (!this.#shown || this.plan.facts.policy !== undefined) await this.#read();
    await subscription.sink.room();
    if (subscription.ended || !this.#shown) return;
    const rows = this.#shown.map(({ text }) => text);
    const end = { tidemark: this.#tidemark, position: this.#position };
    if (wants && !subscription.sink.write(snapshotFrame(this.id, rows, end)))
      return subscription.resync('the connection is too slow for the rows');
    this.goLive(subscription);
  }

  override deliver(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged): number {
    if (changes.every((change) => matchChange(this.plan, change, judged).kind === 'none')) return 0;
    this.#due = envelope;
    this.#schedule();
    return 0;
  }

  /** The tables that the window's policies read may have changed up to this position. */
  touch(lsn: Lsn = 0n): void {
    this.notBefore(lsn);
    this.#again = true;
    this.#schedule();
  }

  notBefore(lsn: Lsn): void {
    if (lsn > this.#upper) this.#upper = lsn;
  }

  shows(key: string): boolean {
    return this.#shown?.some((row) => row.key === key) ?? false;
  }

  get isDue(): boolean {
    return this.#due !== undefined || this.#again;
  }

  override close(): void {
    this.#closed = true;
    this.#options.memory.give(this.#options.holder, this.#bytes);
    this.#bytes = 0;
    clearTimeout(this.#timer);
  }

  #schedule(ms = Math.max(0, this.#readAt + this.#intervalMs - Date.now())): void {
    if (this.#closed || this.#reading || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#read().catch((error: Error) => this.#failed(error));
    }, ms);
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
      if (this.#due || this.#again) this.#schedule(this.#failures > 0 ? RETRY_MS : undefined);
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const identity = this.#asker();
    if (!identity) return;
    const due = this.#due;
    this.#again = false;
    this.#readAt = Date.now();
    // The first read must reflect what was delivered before this topic existed.
    let lsn = due?.lsn ?? (this.#shown ? this.#upper : this.#options.lsn());
    if (lsn < this.#upper) lsn = this.#upper;
    try {
      const read = await this.#options.reader.read(this.plan, identity, { lsn, sequence: this.#sequence });
      if (this.#closed) return;
      this.#keep(read.rows);
      this.#failures = 0;
      this.#options.onRead();
      this.#upper = read.upper;
      if (read.through > this.#through) this.#through = read.through;
      this.#position = formatPosition(read.epoch, this.#through, WHOLE);
      this.#tidemark = formatTidemark(read.epoch, read.upper);
      if (read.through < lsn) this.#again = true;
      else if (due) this.#sequence = due.sequence;
      if (this.#due && this.#due.lsn <= read.through) this.#due = undefined;
      this.#show(read.rows, due);
    } catch (error) {
      this.#failures += 1;
      this.#again = true;
      throw error;
    }
  }

  #keep(rows: readonly ShownRow[]): void {
    const { memory, holder } = this.#options;
    const bytes = rows.reduce((sum, { key, text }) => sum + key.length + text.length, 0);
    const refusal = bytes > this.#bytes ? memory.take(holder, bytes - this.#bytes) : undefined;
    if (refusal) throw errors.WINDOWS_FULL({ limit: refusal.limit, where: refusal.where });
    if (bytes < this.#bytes) memory.give(holder, this.#bytes - bytes);
    this.#bytes = bytes;
  }

  #show(rows: readonly ShownRow[], due: ChangeEnvelope | undefined): void {
    const changes = this.#shown ? windowChanges(this.#shown, rows) : [];
    this.#shown = rows;
    if (changes.length === 0) return;
    const frame = changesUpTo(this.id, this.#position, changes);
    let receivers = 0;
    for (const subscription of [...this.subscriptions]) {
      if (!subscription.live) continue;
      if (subscription.send(frame, changes.length)) receivers += 1;
    }
    this.#policy.writeRate.wrote(receivers, Date.now());
    if (due && receivers > 0) this.#policy.onDelivered(due, changes.length * receivers);
  }

  /** Any subscriber will do, since all see the same rows. */
  #asker(): Identity | undefined {
    for (const subscription of this.subscriptions) {
      const identity = this.#identities.get(subscription);
      if (identity) return identity;
    }
    return undefined;
  }

  #failed(error: Error): void {
    this.#options.onFailed(error);
    const isTooLarge = error instanceof TidemarkError && TOO_LARGE.has(error.code);
    if (!isTooLarge && !isRefusal(error) && this.#failures < MAX_FAILURES) return;
    // Postgres's message may hold values of hidden rows.
    const reason = `the window could not be read (${(error as { code?: string }).code ?? error.name})`;
    for (const subscription of [...this.subscriptions]) if (subscription.live) subscription.resync(reason);
  }
}
