/**
 * The topics of one table whose subscribers the policies cannot tell apart. Envelopes queue where Postgres decides
 * about their rows, or where filters take more than a time slice. The queue holds sequences; a group that falls
 * behind the bounded ring resyncs.
 */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import { isLocked, isRefusal } from '../is-refusal.ts';
import type { FilterWork, Passes } from '../query/filter-work.ts';
import { type Judged, OPEN, type Visible } from '../query/row-match.ts';
import { CHANGED, UNREADABLE } from '../topics/resync-reasons.ts';
import type { Topic } from '../topics/topic.ts';
import { filterBatch, type QueuedEnvelope } from './filter-batch.ts';
import { GroupTopics, type GroupTopicsOptions } from './group-topics.ts';
import { type ChangesOf, imagesOf, PolicyCheck, type PolicyCheckOptions } from './policy-check.ts';
import { RenderedDefinitions } from './rendered-definitions.ts';

export interface RlsGroupOptions extends PolicyCheckOptions, GroupTopicsOptions {
  feed: Feed;
  /** `tableKey(schema, table)` */
  table: string;
  filters: FilterWork;
  isAsked: boolean;
  isOutdated(): Promise<boolean>;
  /** Whether the relay has announced the definition. */
  isAnnounced(): boolean;
}

/** Row images in one statement: half a megabyte at 1 KB a row. */
export const MAX_BATCH_IMAGES = 500;
const POLICIES_BEHIND = 'the row-level security of the table could not be decided in time';
const FILTERS_BEHIND = 'the changes came faster than the filters of the queries could be decided';
/** Errors of a statement that is valid but got no answer in time. */
const OVERRUN = /^(08|53|57|58|40|25)[0-9A-Z]{3}$|^DB_(STATEMENT_OVERRUN|TRANSACTION_TIMEOUT)$/;
const MAX_OVERRUNS = 3;
/** Time between two attempts while the database does not answer. */
const RETRY_MS = 200;
const LOCKED_MS = 1_000;

export class RlsGroup {
  readonly facts: PolicyCheckOptions['facts'];
  readonly required: PolicyCheckOptions['key']['required'];
  readonly rendered: RenderedDefinitions;
  #options: RlsGroupOptions;
  #topics: GroupTopics;
  #policies: PolicyCheck;
  #queue: number[] = [];
  /** The sequence of the last envelope of the running batch, or 0. */
  #deciding = 0;
  /** Topics added during a batch catch up by themselves up to this sequence. */
  #late = new Map<Topic, number>();
  #pumping = false;
  #closed = false;
  #overruns = 0;
  #isLocked = false;
  #wake: (() => void) | undefined;

  constructor(options: RlsGroupOptions) {
    this.#options = options;
    this.#topics = new GroupTopics(options);
    this.#policies = new PolicyCheck(options);
    this.facts = options.facts;
    this.required = options.key.required;
    this.rendered = new RenderedDefinitions(options.facts, options.isAnnounced);
  }

  get topics(): ReadonlySet<Topic> {
    return this.#topics.all;
  }

  add(topic: Topic): void {
    this.#topics.add(topic);
    if (this.#deciding > 0) this.#late.set(topic, this.#deciding);
  }

  delete(topic: Topic): void {
    this.#late.delete(topic);
    this.#topics.delete(topic);
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#wake?.();
  }

  /** Up to this sequence, nothing more will be delivered to the topic's live subscriptions. */
  cursor(topic: Topic): number {
    const [next] = this.#queue;
    if (next === undefined) return this.#options.feed.sequence();
    return Math.max(next - 1, this.#late.get(topic) ?? 0);
  }

  receive(envelope: ChangeEnvelope): void {
    if (this.#closed) return;
    if (!this.rendered.accepts(envelope)) {
      this.resync(CHANGED);
      return;
    }
    const isDirect = this.#policies.isOpen && !this.#options.isAsked && this.#queue.length === 0;
    const found = isDirect ? this.#topics.collectAtOnce(envelope.body().changes) : undefined;
    if (found && this.#options.filters.slices.take(found.ms)) {
      this.#topics.deliver(envelope, found.candidates, () => OPEN);
      return;
    }
    this.#queue.push(envelope.sequence);
    if (this.#isBehind()) this.#restart();
    else if (!this.#pumping) void this.#pump();
  }

  get isRetrying(): boolean {
    return this.#wake !== undefined;
  }

  visible(envelopes: readonly ChangeEnvelope[], changesOf: ChangesOf): Promise<Visible> {
    return this.#policies.queued(envelopes, changesOf);
  }

  async passes(topic: Topic, changes: Iterable<RowChange>, isWanted = () => this.topics.has(topic)): Promise<Passes> {
    const [answer] = await this.#options.filters.decide([{ plan: topic.plan, images: imagesOf(changes), isWanted }]);
    if (answer instanceof Error) throw answer;
    return answer as Passes;
  }

  resync(reason: string): void {
    this.#topics.resync(reason);
  }

  #isBehind(): boolean {
    const { floor } = this.#options.feed.ring;
    const [next] = this.#queue;
    return next !== undefined && (!floor || next <= floor.sequence);
  }

  #restart(reason = this.#policies.isOpen ? FILTERS_BEHIND : POLICIES_BEHIND): void {
    this.#queue = [];
    this.resync(reason);
  }

  async #pump(): Promise<void> {
    const { facts, semaphore } = this.#options;
    this.#pumping = true;
    try {
      while (this.#queue.length > 0) {
        if (this.#policies.isOpen) await this.#decideNext();
        else await semaphore.run(() => this.#decideNext(), `${facts.schema}.${facts.table}`);
        if (!this.#isLocked) continue;
        this.#isLocked = false;
        await this.#pause(LOCKED_MS);
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #decideNext(): Promise<void> {
    if (this.#queue.length === 0) return;
    if (this.#isBehind()) return this.#restart();
    try {
      await this.#decideBatch();
    } catch (error) {
      if (!this.#closed) await this.#handle(error as Error);
    } finally {
      this.#deciding = 0;
    }
  }

  async #handle(error: Error): Promise<void> {
    this.#options.onFailed(error);
    if (isRefusal(error)) {
      // The policy may name something that was dropped or renamed since: then a resync is right.
      const isOutdated = await this.#options.isOutdated();
      this.#queue = [];
      if (isOutdated) this.resync(CHANGED);
      else this.#topics.fail(this.facts.table, error);
    } else if ((error as { code?: unknown }).code === undefined) this.#restart(UNREADABLE);
    // The group waits for the lock without its place in the semaphore, which others can use.
    else if (isLocked(error)) this.#isLocked = true;
    else if (await this.#failsAlone(error)) this.#restart();
    // While the database is away, the group keeps its place and repeats the batch: others would fail, too.
    else await this.#pause();
  }

  /** A group whose statement fails while Postgres answers others may not keep its place in the semaphore. */
  async #failsAlone(error: unknown): Promise<boolean> {
    const code = String((error as { code?: unknown }).code);
    if (!OVERRUN.test(code)) return false;
    this.#overruns += 1;
    if (this.#overruns < MAX_OVERRUNS) return false;
    this.#overruns = 0;
    return this.#options.database.pools.write.query('select 1').then(
      () => true,
      () => false,
    );
  }

  #pause(ms = RETRY_MS): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }

  async #decideBatch(): Promise<void> {
    const batch = this.#nextBatch();
    const last = batch.at(-1)?.envelope.sequence;
    if (last === undefined) return this.#restart();
    this.#deciding = last;
    const { slices } = this.#options.filters;
    await slices.run(this.#collectAll(batch));
    const passes = await filterBatch(batch, {
      filters: this.#options.filters,
      topics: this.#topics,
      isOutdated: () => this.#options.isOutdated(),
    });
    const concerned = new Map(
      batch.map(({ envelope, candidates }) => [envelope, new Set([...candidates.values()].flat())]),
    );
    const visible = await this.#policies.now(
      batch.map(({ envelope }) => envelope),
      (envelope) => concerned.get(envelope) ?? [],
    );
    await slices.run(this.#deliverAll(batch, (topic) => ({ visible, passes: passes.get(topic) })));
    this.#overruns = 0;
    for (const [topic, through] of this.#late) if (through <= last) this.#late.delete(topic);
  }

  #nextBatch(): QueuedEnvelope[] {
    const { ring } = this.#options.feed;
    const batch: QueuedEnvelope[] = [];
    let images = 0;
    for (const sequence of this.#queue) {
      const envelope = ring.at(this.#options.table, sequence);
      if (!envelope) break;
      images += envelope.body().changes.length * 2;
      batch.push({ envelope, candidates: new Map() });
      if (images >= MAX_BATCH_IMAGES || batch.length >= MAX_BATCH_IMAGES) break;
    }
    return batch;
  }

  *#collectAll(batch: readonly QueuedEnvelope[]): Generator<void> {
    for (const { envelope, candidates } of batch) {
      for (const change of envelope.body().changes) {
        this.#topics.collect(change, candidates);
        yield;
      }
    }
  }

  *#deliverAll(batch: readonly QueuedEnvelope[], judged: (topic: Topic) => Judged): Generator<void> {
    for (const { envelope, candidates } of batch) {
      if (this.#closed || this.#queue[0] !== envelope.sequence) return;
      for (const [topic, through] of this.#late) if (envelope.sequence <= through) candidates.delete(topic);
      this.#queue.shift();
      this.#topics.deliver(envelope, candidates, judged);
      yield;
    }
  }
}
