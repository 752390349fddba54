/**
 * The topics of one table under one class of rights. Without row-level security, all of them; changes go to them at once.
 * With it, those of the identities that the policies cannot tell apart: changes are decided by Postgres in batches, in order,
 * and `cursor` says how far they got. It may be told of fewer changes than there are (class-index.ts): the others cannot be seen.
 * What waits is in the ring, which is bounded; a class that falls behind it resyncs its subscribers.
 */
import type { Database } from '@tidemark/db';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { RowImage } from '../changes/row-image.ts';
import { errors } from '../errors.ts';
import { type ClassRights, maySee } from './class-rights.ts';
import type { Visible } from './row-match.ts';
import type { TableFacts } from './table-facts.ts';
import type { Topic } from './topic.ts';
import { TopicIndex } from './topic-index.ts';
import type { Turns } from './turns.ts';
import { visibleImages } from './visibility.ts';

export interface RightsClassOptions {
  feed: Feed;
  database: Database;
  table: string;
  facts: TableFacts;
  rights: ClassRights;
  /** For questions to Postgres, of all classes: thousands at a time would fill the pool, and all would fail. */
  turns: Turns;
  /** Postgres is asked what may be seen of some rows. */
  onAsked(): void;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onFailed(error: Error): void;
}

/** Rows in one question to Postgres: at 1 KB a row, half a megabyte. */
export const MAX_BATCH_IMAGES = 500;
/** While the database is away. */
const RETRY_MS = 200;

type Candidates = Map<Topic, RowChange[]>;

export class RightsClass {
  readonly topics = new Set<Topic>();
  readonly facts: TableFacts;
  readonly pinned: ClassRights['pinned'];
  #options: RightsClassOptions;
  #index = new TopicIndex<Topic>();
  /** Sequences of the envelopes that are not decided yet, oldest first. All are in the ring, which bounds them. */
  #told: number[] = [];
  /** The last of those that Postgres is being asked about. */
  #asked = 0;
  /** Topics that came while it was: up to here, what they miss they come to by themselves. */
  #late = new Map<Topic, number>();
  #pumping = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: RightsClassOptions) {
    this.#options = options;
    this.facts = options.facts;
    this.pinned = options.rights.pinned;
  }

  add(topic: Topic): void {
    this.topics.add(topic);
    this.#index.add(topic);
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
    if (this.isOpen) {
      this.#deliver(envelope, this.#candidates(envelope), () => undefined);
      return;
    }
    if (this.#closed) return;
    this.#told.push(envelope.sequence);
    if (this.#isBehind()) this.#restart();
    else if (!this.#pumping) void this.#pump();
  }

  /** Without row-level security: nobody is asked what may be seen. */
  get isOpen(): boolean {
    return this.#options.rights.identity === undefined;
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
    if (images.length === 0) return () => false;
    return this.#options.turns.run(() => this.#ask(images, envelopes));
  }

  /** Those that the class may see at all. */
  #images(envelopes: readonly ChangeEnvelope[], changesOf: (e: ChangeEnvelope) => Iterable<RowChange>): RowImage[] {
    const images: RowImage[] = [];
    for (const envelope of envelopes) {
      for (const { row, before } of changesOf(envelope)) {
        if (row && maySee(this.pinned, row)) images.push(row);
        if (before && maySee(this.pinned, before)) images.push(before);
      }
    }
    return images;
  }

  async #ask(images: readonly RowImage[], envelopes: readonly ChangeEnvelope[]): Promise<Visible> {
    const { rights, database, onAsked } = this.#options;
    const last = envelopes.at(-1);
    if (!rights.identity || !last || images.length === 0) return () => false;
    onAsked();
    const seen = await visibleImages(database, rights.identity, this.facts, images, last);
    return (image) => seen.has(image);
  }

  #isBehind(): boolean {
    const { floor } = this.#options.feed.ring;
    const [next] = this.#told;
    return next !== undefined && (!floor || next <= floor.sequence);
  }

  /** Ends its subscriptions: it no longer has what it would have to decide. */
  #restart(reason = 'the row-level security of the table could not be decided in time'): void {
    this.#told = [];
    this.resync(reason);
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      // What comes until it is its turn is decided with the rest.
      while (this.#told.length > 0) await this.#options.turns.run(() => this.#turn());
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
      if (isPolicyError(error)) {
        this.#told = [];
        this.fail(error as Error);
      } else if ((error as { code?: unknown }).code === undefined) this.#restart('a change could not be read');
      // The database is away: the same envelopes again. It keeps its turn, since the others would fare no better.
      else await this.#pause();
    } finally {
      this.#asked = 0;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, RETRY_MS);
      this.#wake = done;
    });
  }

  async #decide(): Promise<void> {
    const { ring } = this.#options.feed;
    const batch: { envelope: ChangeEnvelope; candidates: Candidates }[] = [];
    let images = 0;
    for (const sequence of this.#told) {
      const envelope = ring.at(this.#options.table, sequence);
      if (!envelope) break;
      const candidates = this.#candidates(envelope);
      for (const changes of candidates.values()) images += changes.length * 2;
      batch.push({ envelope, candidates });
      if (images >= MAX_BATCH_IMAGES || batch.length >= MAX_BATCH_IMAGES) break;
    }
    const last = batch.at(-1)?.envelope.sequence;
    if (last === undefined) return this.#restart();
    this.#asked = last;
    const changes = new Map(
      batch.map(({ envelope, candidates }) => [envelope, new Set([...candidates.values()].flat())]),
    );
    const envelopes = [...changes.keys()];
    const visible = await this.#ask(
      this.#images(envelopes, (envelope) => changes.get(envelope) ?? []),
      envelopes,
    );
    for (const { envelope, candidates } of batch) {
      if (this.#closed || this.#told[0] !== envelope.sequence) return;
      for (const [topic, through] of this.#late) if (envelope.sequence <= through) candidates.delete(topic);
      this.#told.shift();
      this.#deliver(envelope, candidates, () => visible);
    }
    for (const [topic, through] of this.#late) if (through <= last) this.#late.delete(topic);
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
    const reason = `SQLSTATE ${(cause as { code?: string }).code}`;
    const error = errors.POLICY_FAILED({ table: this.facts.table, reason }, { cause });
    for (const topic of [...this.topics]) for (const subscription of [...topic.subscriptions]) subscription.fail(error);
  }
}

/** Postgres refused the statement itself: an SQLSTATE other than those of a lost, full or starting server, or of a timeout. */
export function isPolicyError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58|40|25)/.test(code);
}
