/**
 * The topics of one table under one class of rights, those with costly filters apart from the others. Without row-level security,
 * all of them; changes go to them at once, as long as their filters take no more than a slice of time.
 * With it, those of the identities that the policies cannot tell apart: changes are decided by Postgres in batches, in order.
 * `cursor` says how far those got that wait for a slice or for Postgres. A class may be told of fewer changes than there are
 * (query/equality-index.ts): the others cannot be seen. What waits is in the ring, which is bounded; a class that falls behind it resyncs
 * its subscribers.
 */
import { type Lsn, TidemarkError } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { RowImage } from '../changes/row-image.ts';
import { errors } from '../errors.ts';
import { isLocked, isRefusal } from '../is-refusal.ts';
import type { Semaphore } from '../limits/semaphore.ts';
import { EqualityIndex } from '../query/equality-index.ts';
import type { FilterWork, Passes } from '../query/filter-work.ts';
import { planEqualities } from '../query/plan-equalities.ts';
import { STEP_MS } from '../query/row-filter.ts';
import { type Judged, mayConcern, OPEN, type Visible } from '../query/row-match.ts';
import { MAX_SLICE_MS } from '../query/time-slices.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { CHANGED, UNREADABLE } from '../topics/resync-reasons.ts';
import type { Topic } from '../topics/topic.ts';
import { maySee, type RlsGroupKey } from './rls-group-key.ts';
import { type Seen, visibleImages } from './visible-images.ts';

export interface RlsGroupOptions {
  feed: Feed;
  database: Database;
  table: string;
  facts: TableFacts;
  key: RlsGroupKey;
  /** For questions to Postgres, of all classes: thousands at a time would fill the pool, and all would fail. */
  semaphore: Semaphore;
  filters: FilterWork;
  /** It must not be asked on a server that has not got so far. */
  floor(): Lsn;
  /** Postgres decides filters of its topics. */
  isAsked: boolean;
  /** Postgres is asked what may be seen of some rows. */
  onAsked(): void;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onFailed(error: Error): void;
  /** Whether the facts are no longer so. */
  isOutdated(): Promise<boolean>;
}

/** Rows in one question to Postgres: at 1 KB a row, half a megabyte. */
export const MAX_BATCH_IMAGES = 500;
/** Topics × changes that are paired before the loop gets a pause: some 50 ns each. */
const MAX_PAIRS_AT_ONCE = 20_000;
const POLICIES_BEHIND = 'the row-level security of the table could not be decided in time';
const FILTERS_BEHIND = 'the changes came faster than the filters of the queries could be decided';
/** What Postgres said of a question, other than that it is wrong; or that the answer did not come in time. */
const OVERRUN = /^(08|53|57|58|40|25)[0-9A-Z]{3}$|^DB_(STATEMENT_OVERRUN|TRANSACTION_TIMEOUT)$/;
const MAX_OVERRUNS = 3;
/** While the database is away. */
const RETRY_MS = 200;
/** While a table that the question reads is locked. */
const LOCKED_MS = 1_000;

type Candidates = Map<Topic, RowChange[]>;

interface Told {
  envelope: ChangeEnvelope;
  candidates: Candidates;
}

export class RlsGroup {
  readonly topics = new Set<Topic>();
  readonly facts: TableFacts;
  readonly required: RlsGroupKey['required'];
  #options: RlsGroupOptions;
  #index = new EqualityIndex<Topic>();
  /** Sequences of the envelopes that are not decided yet, oldest first. All are in the ring, which bounds them. */
  #told: number[] = [];
  /** The last of those that Postgres is being asked about. */
  #asked = 0;
  /** Topics that came while it was: up to here, what they miss they come to by themselves. */
  #late = new Map<Topic, number>();
  #pumping = false;
  #closed = false;
  /** Times in a row that the question was not answered in time. */
  #overruns = 0;
  #isLocked = false;
  #wake: (() => void) | undefined;

  constructor(options: RlsGroupOptions) {
    this.#options = options;
    this.facts = options.facts;
    this.required = options.key.required;
  }

  add(topic: Topic): void {
    this.topics.add(topic);
    this.#index.add(topic, planEqualities(topic.plan));
    if (this.#asked > 0) this.#late.set(topic, this.#asked);
  }

  delete(topic: Topic): void {
    this.#late.delete(topic);
    if (this.topics.delete(topic)) this.#index.delete(topic);
  }

  close(): void {
    this.#closed = true;
    this.#told = [];
    this.#wake?.();
  }

  /** No envelope of the table up to this sequence will be delivered to the topic's live subscriptions any more. */
  cursor(topic: Topic): number {
    const [next] = this.#told;
    if (next === undefined) return this.#options.feed.sequence();
    return Math.max(next - 1, this.#late.get(topic) ?? 0);
  }

  receive(envelope: ChangeEnvelope): void {
    if (this.#closed) return;
    const soon = this.isOpen && !this.#options.isAsked && this.#told.length === 0 ? this.#soon(envelope) : undefined;
    if (soon) {
      this.#deliver(envelope, soon, () => OPEN);
      return;
    }
    this.#told.push(envelope.sequence);
    if (this.#isBehind()) this.#restart();
    else if (!this.#pumping) void this.#pump();
  }

  /** Without row-level security: nobody is asked what may be seen. */
  get isOpen(): boolean {
    return this.#options.key.identity === undefined;
  }

  /** Whether the policies have failed to be asked, and will be again. */
  get isRetrying(): boolean {
    return this.#wake !== undefined;
  }

  /** What is visible of these envelopes' rows to this class, as the matching wants it. */
  async visible(
    envelopes: readonly ChangeEnvelope[],
    changesOf: (e: ChangeEnvelope) => Iterable<RowChange>,
  ): Promise<Visible> {
    if (this.isOpen) return undefined;
    const images = this.#images(envelopes, changesOf);
    if (images.length === 0) return this.#seen(NOTHING_SEEN);
    return this.#options.semaphore.run(() => this.#ask(images, envelopes));
  }

  /** What a topic's filter says of the images of changes. @throws RT_FILTER_TOO_COSTLY */
  async passes(topic: Topic, changes: Iterable<RowChange>, isWanted = () => this.topics.has(topic)): Promise<Passes> {
    const [answer] = await this.#options.filters.decide([{ plan: topic.plan, images: imagesOf(changes), isWanted }]);
    if (answer instanceof Error) throw answer;
    return answer as Passes;
  }

  /** Those that the class may see, as far as is known without asking, and that Postgres can be asked about. */
  #images(envelopes: readonly ChangeEnvelope[], changesOf: (e: ChangeEnvelope) => Iterable<RowChange>): RowImage[] {
    const images: RowImage[] = [];
    for (const envelope of envelopes) {
      for (const image of imagesOf(changesOf(envelope))) {
        if (maySee(this.required, image)) images.push(image);
      }
    }
    return images;
  }

  async #ask(images: readonly RowImage[], envelopes: readonly ChangeEnvelope[]): Promise<Visible> {
    const { key, database, onAsked } = this.#options;
    const last = envelopes.at(-1);
    if (!key.identity || !last || images.length === 0) return this.#seen(NOTHING_SEEN);
    onAsked();
    const floor = this.#options.floor();
    const at = floor > last.lsn ? { epoch: last.epoch, lsn: floor } : last;
    return this.#seen(await visibleImages(database, key.identity, this.facts, images, at));
  }

  #seen({ visible, undecided }: Seen): Visible {
    return (image) => (visible.has(image) ? true : undecided.has(image) ? undefined : false);
  }

  #isBehind(): boolean {
    const { floor } = this.#options.feed.ring;
    const [next] = this.#told;
    return next !== undefined && (!floor || next <= floor.sequence);
  }

  /** Ends its subscriptions: it no longer has what it would have to decide. */
  #restart(reason = this.isOpen ? FILTERS_BEHIND : POLICIES_BEHIND): void {
    this.#told = [];
    this.resync(reason);
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      // What comes until it is its turn is decided with the rest.
      while (this.#told.length > 0) {
        if (this.isOpen) await this.#turn();
        else await this.#options.semaphore.run(() => this.#turn(), `${this.facts.schema}.${this.facts.table}`);
        if (!this.#isLocked) continue;
        this.#isLocked = false;
        await this.#pause(LOCKED_MS);
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #turn(): Promise<void> {
    if (this.#told.length === 0) return;
    if (this.#isBehind()) return this.#restart();
    try {
      await this.#decide();
    } catch (error) {
      if (this.#closed) return;
      this.#options.onFailed(error as Error);
      if (isRefusal(error)) {
        // A name in the policy may be of what was dropped or renamed since: told before it is a fault of the policy.
        const isOutdated = await this.#options.isOutdated();
        this.#told = [];
        if (isOutdated) this.resync(CHANGED);
        else this.fail(error as Error);
      } else if ((error as { code?: unknown }).code === undefined) this.#restart(UNREADABLE);
      // It waits without its turn, which the others can use.
      else if (isLocked(error)) this.#isLocked = true;
      else if (await this.#isAlone(error)) this.#restart();
      // The database is away: the same envelopes again. It keeps its turn, since the others would fare no better.
      else await this.#pause();
    } finally {
      this.#asked = 0;
    }
  }

  /**
   * Whether this class's question fails time and again (it takes too long, say) while Postgres answers others: then it may not keep its turn
   * from the other tables.
   */
  async #isAlone(error: unknown): Promise<boolean> {
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

  async #decide(): Promise<void> {
    const batch = this.#nextBatch();
    const last = batch.at(-1)?.envelope.sequence;
    if (last === undefined) return this.#restart();
    // From here on, a topic that comes is late.
    this.#asked = last;
    await this.#options.filters.slices.run(this.#gather(batch));
    const passes = await this.#filter(batch);
    const envelopes = batch.map(({ envelope }) => envelope);
    let visible: Visible;
    if (!this.isOpen) {
      const changes = new Map(
        batch.map(({ envelope, candidates }) => [envelope, new Set([...candidates.values()].flat())]),
      );
      const images = this.#images(envelopes, (envelope) => changes.get(envelope) ?? []);
      visible = await this.#ask(images, envelopes);
    }
    await this.#options.filters.slices.run(
      this.#deliverAll(batch, (topic) => ({ visible, passes: passes.get(topic) })),
    );
    this.#overruns = 0;
    for (const [topic, through] of this.#late) if (through <= last) this.#late.delete(topic);
  }

  /** As many as are decided together. */
  #nextBatch(): Told[] {
    const { ring } = this.#options.feed;
    const batch: Told[] = [];
    let images = 0;
    for (const sequence of this.#told) {
      const envelope = ring.at(this.#options.table, sequence);
      if (!envelope) break;
      images += envelope.body().changes.length * 2;
      batch.push({ envelope, candidates: new Map() });
      if (images >= MAX_BATCH_IMAGES || batch.length >= MAX_BATCH_IMAGES) break;
    }
    return batch;
  }

  /** Finds the topics that each envelope may concern, each with the changes that may. */
  *#gather(batch: readonly Told[]): Generator<void> {
    for (const { envelope, candidates } of batch) {
      for (const change of envelope.body().changes) {
        for (const topic of this.#found(change)) put(candidates, topic, change);
        yield;
      }
    }
  }

  #found(change: RowChange): Set<Topic> {
    const found = new Set<Topic>();
    this.#index.collect(change, found);
    return found;
  }

  /** Leaves of each topic's candidates what its filter lets pass. A topic whose filter cannot be decided ends. */
  async #filter(batch: readonly Told[]): Promise<ReadonlyMap<Topic, Passes>> {
    const byTopic: Candidates = new Map();
    for (const { candidates } of batch) {
      for (const [topic, changes] of candidates) for (const change of changes) put(byTopic, topic, change);
    }
    const passes = new Map<Topic, Passes>();
    const topics = [...byTopic.keys()];
    const answers = await this.#options.filters.decide(
      topics.map((topic) => ({
        plan: topic.plan,
        images: imagesOf(byTopic.get(topic) ?? []),
        isWanted: () => this.topics.has(topic),
      })),
    );
    for (const [n, topic] of topics.entries()) {
      const answer = answers[n] as Passes | Error;
      if (!(answer instanceof Error)) passes.set(topic, answer);
      // The database is away: all of it is decided again.
      else if (isAway(answer)) throw answer;
      else this.#failTopic(topic, answer, isRefusal(answer) && (await this.#options.isOutdated()));
    }
    for (const { candidates } of batch) {
      for (const [topic, changes] of candidates) {
        const judged = { visible: undefined, passes: passes.get(topic) };
        const left =
          judged.passes && this.topics.has(topic)
            ? changes.filter((change) => mayConcern(topic.plan, change, judged))
            : [];
        if (left.length > 0) candidates.set(topic, left);
        else candidates.delete(topic);
      }
    }
    return passes;
  }

  *#deliverAll(batch: readonly Told[], judged: (topic: Topic) => Judged): Generator<void> {
    for (const { envelope, candidates } of batch) {
      if (this.#closed || this.#told[0] !== envelope.sequence) return;
      for (const [topic, through] of this.#late) if (envelope.sequence <= through) candidates.delete(topic);
      this.#told.shift();
      this.#deliver(envelope, candidates, judged);
      yield;
    }
  }

  /** The topics that the envelope may concern; undefined where their filters would take more than a slice of time. */
  #soon(envelope: ChangeEnvelope): Candidates | undefined {
    const { changes } = envelope.body();
    if (changes.length * this.#index.unindexed > MAX_PAIRS_AT_ONCE) return undefined;
    const candidates: Candidates = new Map();
    let ms = 0;
    for (const change of changes) {
      for (const topic of this.#found(change)) {
        put(candidates, topic, change);
        ms += topic.plan.filter.stepsForChange(change) * STEP_MS;
      }
      if (ms > MAX_SLICE_MS) return undefined;
    }
    return this.#options.filters.slices.take(ms) ? candidates : undefined;
  }

  #deliver(envelope: ChangeEnvelope, candidates: Candidates, judged: (topic: Topic) => Judged): void {
    let delivered = 0;
    for (const [topic, changes] of candidates) {
      try {
        delivered += topic.deliver(envelope, changes, judged(topic));
      } catch (error) {
        this.#failTopic(topic, error as Error);
      }
    }
    if (envelope.body().ends) this.#end(envelope, candidates);
    if (delivered > 0) this.#options.onDelivered(envelope, delivered);
  }

  /** Ends one topic alone: its filter cannot read a value, or is too costly for it. */
  #failTopic(topic: Topic, error: Error, isOutdated = false): void {
    this.#options.onFailed(error);
    for (const subscription of [...topic.subscriptions]) {
      if (isOutdated) subscription.resync(CHANGED);
      else if (error instanceof TidemarkError && error.code === 'RT_FILTER_TOO_COSTLY') subscription.fail(error);
      else subscription.resync(UNREADABLE);
    }
  }

  /** The end of a transaction that came in parts, for the topics that its last part does not concern. */
  #end(envelope: ChangeEnvelope, candidates: Candidates): void {
    for (const topic of [...this.topics]) if (!candidates.has(topic)) topic.deliver(envelope, [], OPEN);
  }

  resync(reason: string): void {
    for (const topic of [...this.topics])
      for (const subscription of [...topic.subscriptions]) subscription.resync(reason);
  }

  /** The class alone is taken out of service: its policy does not work on row images. */
  fail(cause: Error): void {
    const reason = `SQLSTATE ${(cause as { code?: string }).code}`;
    const error = errors.POLICY_FAILED({ table: this.facts.table, reason }, { cause });
    for (const topic of [...this.topics]) for (const subscription of [...topic.subscriptions]) subscription.fail(error);
  }
}

const NOTHING_SEEN: Seen = { visible: new Set(), undecided: new Map() };

/** No server answers, or it is about to stop. */
function isAway(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && !code.startsWith('RT_') && !isRefusal(error);
}

function put(candidates: Candidates, topic: Topic, change: RowChange): void {
  const changes = candidates.get(topic);
  if (changes) changes.push(change);
  else candidates.set(topic, [change]);
}

function* imagesOf(changes: Iterable<RowChange>): Generator<RowImage> {
  for (const { row, before } of changes) {
    if (row) yield row;
    if (before) yield before;
  }
}
