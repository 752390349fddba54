import type { Database } from '@tidemark/db';
import type { Semaphore } from '@tidemark/service';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { Visible } from '../query/row-match.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { maySee, type RlsGroupKey } from './rls-group-key.ts';
import { type Seen, visibleImages } from './visible-images.ts';

export interface PolicyCheckOptions {
  database: Database;
  facts: TableFacts;
  key: RlsGroupKey;
  /** Shared by all groups: thousands of statements at a time would fill the pool, and all would fail. */
  semaphore: Semaphore;
  /** For policies that read other tables, the server must have replayed this position. */
  floor(): bigint;
  onAsked(): void;
}

export type ChangesOf = (envelope: ChangeEnvelope) => Iterable<RowChange>;

const NOTHING_SEEN: Seen = { visible: new Set(), undecided: new Map() };

export class PolicyCheck {
  #options: PolicyCheckOptions;

  constructor(options: PolicyCheckOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#options.key.identity === undefined;
  }

  async queued(envelopes: readonly ChangeEnvelope[], changesOf: ChangesOf): Promise<Visible> {
    if (this.isOpen) return undefined;
    const images = this.#images(envelopes, changesOf);
    if (images.length === 0) return toVisible(NOTHING_SEEN);
    return this.#options.semaphore.run(() => this.#ask(images, envelopes));
  }

  /** The caller must hold a place of the semaphore. */
  async now(envelopes: readonly ChangeEnvelope[], changesOf: ChangesOf): Promise<Visible> {
    if (this.isOpen) return undefined;
    return this.#ask(this.#images(envelopes, changesOf), envelopes);
  }

  #images(envelopes: readonly ChangeEnvelope[], changesOf: ChangesOf): RowImage[] {
    const { required } = this.#options.key;
    const images: RowImage[] = [];
    for (const envelope of envelopes) {
      for (const image of imagesOf(changesOf(envelope))) if (maySee(required, image)) images.push(image);
    }
    return images;
  }

  async #ask(images: readonly RowImage[], envelopes: readonly ChangeEnvelope[]): Promise<Visible> {
    const { key, database, facts, onAsked } = this.#options;
    const last = envelopes.at(-1);
    if (!key.identity || !last || images.length === 0) return toVisible(NOTHING_SEEN);
    onAsked();
    const floor = this.#options.floor();
    const at = floor > last.lsn ? { epoch: last.epoch, lsn: floor } : last;
    return toVisible(await visibleImages(database, key.identity, facts, images, at));
  }
}

const toVisible =
  ({ visible, undecided }: Seen): Visible =>
  (image) =>
    visible.has(image) ? true : undecided.has(image) ? undefined : false;

export function* imagesOf(changes: Iterable<RowChange>): Generator<RowImage> {
  for (const { row, before } of changes) {
    if (row) yield row;
    if (before) yield before;
  }
}
