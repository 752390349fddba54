/**
 * Gathers the rows of one transaction into envelopes: one for each table, cut at MAX_CHANGES_PER_ENVELOPE and
 * MAX_ENVELOPE_BYTES, in an order that depends on the transaction alone, so that a relay that reads it again makes
 * the same ones. Pure.
 *
 * An envelope names the END of the commit record, which only the commit message tells. Until then the envelopes wait
 * here, up to a limit in bytes. A larger transaction is MEASURED: its rows are dropped and only its end is noted; read
 * again, its end is known and its envelopes leave as they fill.
 */
import { type Lsn, lsnToHex, MAX_CHANGES_PER_ENVELOPE, MAX_ENVELOPE_BYTES } from '@tidemark/contracts';
import { jsonText } from './json-text.ts';
import type { PgMessage, Relation, Tuple } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';

export interface EncodedEnvelope {
  lsn: Lsn;
  xid: number;
  schema: string;
  table: string;
  /** Number of the envelope in its transaction, from 0. */
  ordinal: number;
  changes: number;
  last: boolean;
  payload: Buffer;
}

type Begin = PgMessage & { tag: 'begin' };
type RowMessage = PgMessage & { tag: 'insert' | 'update' | 'delete' };

interface Open {
  plan: RelationPlan;
  texts: string[];
  bytes: number;
}

export interface TransactionOptions {
  epoch: string;
  begin: Begin;
  /** The end of the commit record, where it was measured before. */
  endLsn?: Lsn | undefined;
  /** Most bytes that wait for the commit. */
  maxBytes: number;
  /** Most bytes of one message on NATS. A row that is larger is announced as a truncation: its readers resync. */
  maxPayload: number;
}

/** Room for the envelope's own fields. */
const HEAD_BYTES = 1_024;

export class TransactionEnvelopes {
  readonly begin: Begin;
  /** Rows that were too large for a message. */
  tooLarge = 0;
  #options: TransactionOptions;
  #open = new Map<number, Open>();
  #closed: Open[] = [];
  #bytes = 0;
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

  /** @throws RT_LITERAL_UNREADABLE, and nothing was added */
  add(plan: RelationPlan, message: RowMessage): void {
    const index = this.#index;
    // Before anything is counted: what throws may be tried again with another plan.
    const text = this.#measuring ? undefined : changeText(plan, message, index);
    this.#index += 1;
    if (text !== undefined) this.#push(plan, text, index);
  }

  truncate(plan: RelationPlan): void {
    const index = this.#index;
    this.#index += 1;
    if (!this.#measuring) this.#push(plan, truncateText(index), index);
  }

  /** Envelopes that may leave before the commit: none, unless its end is known. The last stays for `commit`. */
  ready(): EncodedEnvelope[] {
    const { endLsn } = this.#options;
    if (endLsn === undefined || this.#closed.length < 2) return [];
    return this.#closed.splice(0, this.#closed.length - 1).map((open) => this.#encode(open, endLsn, false));
  }

  /** The rest, the last one marked so. Empty where the transaction was measured. */
  commit(endLsn: Lsn): EncodedEnvelope[] {
    if (this.#measuring) return [];
    const all = [...this.#closed, ...this.#open.values()];
    this.#closed = [];
    this.#open.clear();
    return all.map((open, n) => this.#encode(open, endLsn, n === all.length - 1));
  }

  #push(plan: RelationPlan, text: string, index: number): void {
    const bytes = Buffer.byteLength(text) + 1;
    if (bytes + HEAD_BYTES > this.#options.maxPayload) {
      this.tooLarge += 1;
      this.#push(plan, truncateText(index), index);
      return;
    }
    let open = this.#open.get(plan.relation.oid);
    // The relation may have changed inside the transaction (ALTER TABLE between two updates).
    if (open && (open.plan !== plan || open.bytes + bytes > MAX_ENVELOPE_BYTES)) {
      this.#close(open);
      open = undefined;
    }
    if (!open) {
      open = { plan, texts: [], bytes: 0 };
      this.#open.set(plan.relation.oid, open);
    }
    open.texts.push(text);
    open.bytes += bytes;
    this.#bytes += bytes;
    if (open.texts.length >= MAX_CHANGES_PER_ENVELOPE) this.#close(open);
    if (this.#bytes > this.#options.maxBytes && this.#options.endLsn === undefined) {
      this.#measuring = true;
      this.#closed = [];
      this.#open.clear();
    }
  }

  #close(open: Open): void {
    this.#open.delete(open.plan.relation.oid);
    this.#closed.push(open);
  }

  #encode(open: Open, lsn: Lsn, last: boolean): EncodedEnvelope {
    const { schema, table } = open.plan.relation;
    const { xid, committedAt } = this.begin;
    const head = JSON.stringify({ epoch: this.#options.epoch, lsn: lsnToHex(lsn), xid, committedAt, schema, table });
    const key = JSON.stringify(open.plan.key);
    const text = `${head.slice(0, -1)},"key":${key},"last":${last},"changes":[${open.texts.join(',')}]}`;
    this.#bytes -= open.bytes;
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    return { lsn, xid, schema, table, ordinal, changes: open.texts.length, last, payload: Buffer.from(text) };
  }
}

const truncateText = (index: number) => `{"type":"truncate","index":${index}}`;

function changeText(plan: RelationPlan, message: RowMessage, index: number): string {
  const head = `{"type":"${message.tag}","index":${index}`;
  if (message.tag === 'insert') return `${head},"row":${rowText(plan, message.row)}}`;
  const old = oldText(plan, message.key, message.old);
  if (message.tag === 'delete') return `${head}${old}}`;
  const row = message.old ? filled(message.row, message.old) : message.row;
  return `${head},"row":${rowText(plan, row)}${old}${unchangedText(plan.relation, row)}}`;
}

/** Under REPLICA IDENTITY FULL the old row has every TOASTed value that the new one lacks. */
function filled(row: Tuple, old: Tuple): Tuple {
  return row.includes(undefined) ? row.map((value, index) => (value === undefined ? old[index] : value)) : row;
}

function oldText(plan: RelationPlan, key: Tuple | undefined, old: Tuple | undefined): string {
  if (old) return `,"old":${rowText(plan, old)}`;
  if (!key) return '';
  const identityOnly = plan.relation.columns.map((column, index) => (column.identity ? key[index] : undefined));
  return `,"old":${rowText(plan, identityOnly)}`;
}

function unchangedText(relation: Relation, row: Tuple): string {
  if (!row.includes(undefined)) return '';
  const names = relation.columns.filter((_, index) => row[index] === undefined).map((column) => column.name);
  return `,"unchanged":${JSON.stringify(names)}`;
}

function rowText(plan: RelationPlan, tuple: Tuple): string {
  let text = '';
  for (let index = 0; index < plan.members.length; index += 1) {
    const value = tuple[index];
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}${plan.members[index]}${jsonText(plan.types[index]!, value)}`;
  }
  return `{${text}}`;
}
