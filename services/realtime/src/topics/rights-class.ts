/**
 * The topics of one table under one class of rights. Without row-level security, all of them; changes go to them at once.
 * With it, those of one identity: changes are decided by Postgres in batches, in order, and `cursor` says how far they got.
 * What waits is in the ring, which is bounded; a class that falls behind it resyncs its subscribers.
 */
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { RowImage } from '../changes/row-image.ts';
import { errors } from '../errors.ts';
import type { Visible } from './row-match.ts';
import type { TableFacts } from './table-facts.ts';
import type { Topic } from './topic.ts';
import { TopicIndex } from './topic-index.ts';
import { visibleImages } from './visibility.ts';

export interface RightsClassOptions {
  feed: Feed;
  database: Database;
  table: string;
  facts: TableFacts;
  /** Undefined without row-level security. */
  identity: Identity | undefined;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onFailed(error: Error): void;
}

/** Rows in one question to Postgres: at 1 KB a row, half a megabyte. */
const MAX_BATCH_IMAGES = 500;
/** While the database is away. */
const RETRY_MS = 200;

type Candidates = Map<Topic, RowChange[]>;

export class RightsClass {
  readonly topics = new Set<Topic>();
  readonly facts: TableFacts;
  #options: RightsClassOptions;
  #index = new TopicIndex<Topic>();
  #cursor: number;
  /** The last envelope whose topics have been looked up; Postgres may still be deciding about it. */
  #lookedUpTo = -1;
  #pumping = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: RightsClassOptions) {
    this.#options = options;
    this.facts = options.facts;
    this.#cursor = options.feed.sequence();
  }

  add(topic: Topic): void {
    topic.joinedAt = this.#lookedUpTo;
    this.topics.add(topic);
    this.#index.add(topic);
  }

  delete(topic: Topic): void {
    if (this.topics.delete(topic)) this.#index.delete(topic);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  /** Every envelope of the table up to this sequence has been delivered to the live subscriptions. */
  cursor(): number {
    if (!this.#options.identity) return this.#options.feed.sequence();
    // Nothing waits: what came for other tables since does not matter.
    return this.#pumping || this.#retry ? this.#cursor : this.#options.feed.sequence();
  }

  receive(envelope: ChangeEnvelope): void {
    if (!this.#options.identity) {
      this.#deliver(envelope, this.#candidates(envelope), () => undefined);
      return;
    }
    if (this.#pumping || this.#retry) return;
    this.#cursor = envelope.sequence - 1;
    void this.#pump();
  }

  /** Whether the policies have failed to be asked, and will be again. */
  get isRetrying(): boolean {
    return this.#retry !== undefined;
  }

  /** What is visible of these envelopes' rows to this class, as the matching wants it. */
  async visible(
    envelopes: readonly ChangeEnvelope[],
    changesOf: (e: ChangeEnvelope) => Iterable<RowChange>,
  ): Promise<Visible> {
    const { identity, database } = this.#options;
    if (!identity) return undefined;
    const images: RowImage[] = [];
    for (const envelope of envelopes) {
      for (const { row, before } of changesOf(envelope)) {
        if (row) images.push(row);
        if (before) images.push(before);
      }
    }
    const last = envelopes.at(-1);
    if (!last || images.length === 0) return () => false;
    const seen = await visibleImages(database, identity, this.facts, images, last);
    return (image) => seen.has(image);
  }

  async #pump(): Promise<void> {
    const { feed, table } = this.#options;
    this.#pumping = true;
    try {
      while (!this.#closed) {
        const waiting = feed.ring.since(table, this.#cursor);
        if (!waiting) {
          this.resync('the row-level security of the table could not be decided in time');
          this.#cursor = feed.sequence();
          break;
        }
        if (waiting.length === 0) break;
        await this.#decide(waiting);
      }
    } catch (error) {
      if (this.#closed) return;
      this.#options.onFailed(error as Error);
      if (isPolicyError(error)) this.fail(error as Error);
      // The database is away: the same envelopes again.
      else {
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          void this.#pump();
        }, RETRY_MS);
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #decide(waiting: readonly ChangeEnvelope[]): Promise<void> {
    const batch: { envelope: ChangeEnvelope; candidates: Candidates }[] = [];
    let images = 0;
    for (const envelope of waiting) {
      const candidates = this.#candidates(envelope);
      for (const changes of candidates.values()) images += changes.length * 2;
      batch.push({ envelope, candidates });
      this.#lookedUpTo = envelope.sequence;
      if (images >= MAX_BATCH_IMAGES) break;
    }
    const changes = new Map(
      batch.map(({ envelope, candidates }) => [envelope, new Set([...candidates.values()].flat())]),
    );
    const visible = await this.visible([...changes.keys()], (envelope) => changes.get(envelope) ?? []);
    for (const { envelope, candidates } of batch) {
      if (this.#closed) return;
      this.#deliver(envelope, candidates, () => visible);
      this.#cursor = envelope.sequence;
    }
  }

  /** The topics that the envelope may concern, each with the changes that may. */
  #candidates(envelope: ChangeEnvelope): Candidates {
    const candidates: Candidates = new Map();
    for (const change of envelope.body().changes) {
      const found = new Set<Topic>();
      if (change.type === 'truncate') this.#index.collectAll(found);
      if (change.row) this.#index.collect(change.row, found);
      if (change.before) this.#index.collect(change.before, found);
      for (const topic of found) {
        if (topic.joinedAt >= envelope.sequence) continue;
        const changes = candidates.get(topic);
        if (changes) changes.push(change);
        else candidates.set(topic, [change]);
      }
    }
    return candidates;
  }

  #deliver(envelope: ChangeEnvelope, candidates: Candidates, visible: () => Visible): void {
    let delivered = 0;
    for (const [topic, changes] of candidates) delivered += topic.deliver(envelope, changes, visible());
    if (envelope.body().ends) this.#end(envelope, candidates);
    if (delivered > 0) this.#options.onDelivered(envelope, delivered);
  }

  /** The end of a transaction that came in parts, for the topics that its last part does not concern. */
  #end(envelope: ChangeEnvelope, candidates: Candidates): void {
    for (const topic of [...this.topics]) if (!candidates.has(topic)) topic.deliver(envelope, [], undefined);
  }

  resync(reason: string): void {
    for (const topic of [...this.topics])
      for (const subscription of [...topic.subscriptions]) subscription.resync(reason);
  }

  /** The class alone is taken out of service: its policy does not work on row images. */
  fail(cause: Error): void {
    const error = errors.POLICY_FAILED({ table: this.facts.table, reason: cause.message }, { cause });
    for (const topic of [...this.topics]) for (const subscription of [...topic.subscriptions]) subscription.fail(error);
  }
}

/** Postgres refused the statement itself: an SQLSTATE other than those of a lost, full or starting server, or of a timeout. */
export function isPolicyError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58|40|25)/.test(code);
}
