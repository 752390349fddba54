/**
 * Collects the rows of a transaction in envelopes. The result depends on the transaction alone, so that a relay that
 * reads it again makes the same ones. Pure. An envelope is cut only when another change of its table arrives, so that
 * it is known whether `more` follow. It names the END of the commit record, which only the commit message tells;
 * until then envelopes wait here, up to a limit. A larger transaction is MEASURED: its rows are dropped, and only its
 * end is recorded. When it is read again, its envelopes are published as they fill.
 */
import { ENVELOPE_FORM, type Lsn, lsnToHex, MAX_CHANGES_PER_ENVELOPE, MAX_ENVELOPE_BYTES } from '@tidemark/contracts';
import {
  allowanceOf,
  changeText,
  cutChangeText,
  mayFit,
  type RowMessage,
  truncateText,
  unknownText,
} from './change-text.ts';
import type { PgMessage } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';

export interface EncodedEnvelope {
  lsn: Lsn;
  xid: number;
  schema: string;
  table: string;
  /** Number of the envelope in its transaction, counted from 0. */
  ordinal: number;
  changes: number;
  last: boolean;
  payload: Buffer;
}

type Begin = PgMessage & { tag: 'begin' };

interface Open {
  plan: RelationPlan;
  /** Number of earlier envelopes of the table in this transaction. */
  part: number;
  texts: string[];
  bytes: number;
  /** Bytes charged for the changes, computed from the WAL alone. */
  charge: number;
  lastCharge: number;
}

export interface TransactionOptions {
  epoch: string;
  begin: Begin;
  /** The end of the commit record, if the transaction was measured before. */
  endLsn?: Lsn | undefined;
  maxBytes: number;
  /** Limit of one message on NATS, bytes. A larger change leaves out its largest values. */
  maxPayload: number;
}

/** Bytes for the envelope's own fields. */
const HEAD_BYTES = 1_024;
/** Limit over all tables, at which the largest envelope is cut. Each relay has the same, since it decides the cuts. */
const MAX_OPEN_BYTES = 64 * 1024 ** 2;

export class TransactionEnvelopes {
  readonly begin: Begin;
  tooLarge = 0;
  trace: string | undefined;
  #options: TransactionOptions;
  #open = new Map<number, Open>();
  /** Full envelopes, after which others of their table follow. */
  #closed: Open[] = [];
  #bytes = 0;
  #openCharge = 0;
  #index = 0;
  #ordinal = 0;
  #measuring = false;

  constructor(options: TransactionOptions) {
    this.#options = options;
    this.begin = options.begin;
  }

  get measuring(): boolean {
    return this.#measuring;
  }

  get changes(): number {
    return this.#index;
  }

  /** `allowance` is charged where Postgres has rendered values since. On RT_LITERAL_UNREADABLE, nothing was added. */
  add(
    plan: RelationPlan,
    message: RowMessage,
    allowance = plan.isStable ? undefined : allowanceOf(plan, message),
  ): void {
    const index = this.#index;
    // Rendering comes first: if it throws, the change may be added again with another plan.
    const text = this.#measuring ? undefined : this.#fitting(plan, message, index, allowance);
    this.#index += 1;
    if (text !== undefined) this.#push(plan, text, index, allowance);
  }

  #fitting(plan: RelationPlan, message: RowMessage, index: number, allowance = Number.POSITIVE_INFINITY): string {
    const room = Math.min(this.#options.maxPayload - HEAD_BYTES, allowance) - 1;
    if (!message.oversize && !message.unreadable && mayFit(message, room)) {
      const text = changeText(plan, message, index);
      if (Buffer.byteLength(text) <= room) return text;
    }
    if (!message.unreadable) this.tooLarge += 1;
    return cutChangeText(plan, message, index, room);
  }

  truncate(plan: RelationPlan): void {
    const index = this.#index;
    this.#index += 1;
    if (!this.#measuring) this.#push(plan, truncateText(index), index);
  }

  addUnknown(plan: RelationPlan): void {
    const index = this.#index;
    this.#index += 1;
    if (!this.#measuring) this.#push(plan, unknownText(plan, index), index);
  }

  /** Returns envelopes that can be published before the commit: none, unless its end is known. */
  ready(): readonly EncodedEnvelope[] {
    const { endLsn } = this.#options;
    if (this.#closed.length === 0 || endLsn === undefined) return NONE;
    return this.#encodeAll(this.#closed.splice(0), true, endLsn);
  }

  /** Returns the remaining envelopes, with the last one marked. Empty for a transaction that is being measured. */
  commit(endLsn: Lsn): readonly EncodedEnvelope[] {
    if (this.#measuring) return NONE;
    const closed = this.#encodeAll(this.#closed.splice(0), true, endLsn);
    return [...closed, ...this.#encodeAll([...this.#open.values()], false, endLsn)];
  }

  #push(plan: RelationPlan, text: string, index: number, allowance?: number): void {
    const bytes = Buffer.byteLength(text) + 1;
    const charge = allowance ?? bytes;
    if (bytes + HEAD_BYTES > this.#options.maxPayload) {
      // Without a key, the row cannot be cut, and the table's subscribers resync.
      this.#push(plan, unknownText(plan, index), index);
      return;
    }
    let open = this.#open.get(plan.relation.oid);
    // A relation that changed inside the transaction (ALTER TABLE between two updates) starts a new envelope. Another plan for the
    // same relation message (a type was altered) does not, since another reading of the transaction may not have it.
    if (open && (open.plan.relation !== plan.relation || isFull(open, charge))) open = this.#cut(open, plan);
    if (!open) {
      open = { plan, part: 0, texts: [], bytes: 0, charge: 0, lastCharge: 0 };
      this.#open.set(plan.relation.oid, open);
    }
    open.texts.push(text);
    open.bytes += bytes;
    open.charge += charge;
    open.lastCharge = charge;
    this.#bytes += bytes;
    this.#openCharge += charge;
    if (this.#openCharge > MAX_OPEN_BYTES) this.#cutLargest();
    if (this.#bytes > this.#options.maxBytes && this.#options.endLsn === undefined) {
      this.#measuring = true;
      this.#closed = [];
      this.#open.clear();
    }
  }

  #cut(full: Open, plan: RelationPlan): Open {
    const next = { plan, part: full.part + 1, texts: [], bytes: 0, charge: 0, lastCharge: 0 };
    this.#closed.push(full);
    this.#openCharge -= full.charge;
    this.#open.set(plan.relation.oid, next);
    return next;
  }

  /** Closes an envelope without its last change, which begins the next one. */
  #cutLargest(): void {
    let largest: Open | undefined;
    for (const open of this.#open.values()) {
      if (open.texts.length > 1 && open.charge > (largest?.charge ?? 0)) largest = open;
    }
    if (!largest) return;
    const text = largest.texts.pop() as string;
    const bytes = Buffer.byteLength(text) + 1;
    const { lastCharge } = largest;
    largest.bytes -= bytes;
    largest.charge -= lastCharge;
    const next = this.#cut(largest, largest.plan);
    next.texts.push(text);
    next.bytes = bytes;
    next.charge = lastCharge;
    next.lastCharge = lastCharge;
  }

  #encodeAll(opens: readonly Open[], more: boolean, lsn: Lsn): EncodedEnvelope[] {
    const { xid, committedAt } = this.begin;
    const hex = lsnToHex(lsn);
    const traced = this.trace === undefined ? '' : `"trace":"${this.trace}",`;
    const head = `{"form":${ENVELOPE_FORM},"epoch":"${this.#options.epoch}","lsn":"${hex}","xid":${xid},"committedAt":${committedAt},${traced}`;
    return opens.map(({ plan, part, texts, bytes }, n) => {
      const { schema, table } = plan.relation;
      const last = !more && n === opens.length - 1;
      const place = part > 0 || more ? `"part":${part},"more":${more},` : '';
      const text = `${head}${plan.about},${place}"last":${last},"changes":[${texts.join(',')}]}`;
      this.#bytes -= bytes;
      const ordinal = this.#ordinal;
      this.#ordinal += 1;
      return { lsn, xid, schema, table, ordinal, changes: texts.length, last, payload: Buffer.from(text) };
    });
  }
}

const NONE: readonly EncodedEnvelope[] = [];

const isFull = (open: Open, charge: number) =>
  open.texts.length >= MAX_CHANGES_PER_ENVELOPE || open.charge + charge > MAX_ENVELOPE_BYTES;
