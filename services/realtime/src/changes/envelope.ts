/** Headers give an envelope's place; its body is parsed only if a subscription follows the table. */
import {
  type Change,
  ENVELOPE_FORM,
  type Envelope,
  eachElement,
  eachMember,
  type Lsn,
  skipValue,
} from '@tidemark/contracts';
import { RowImage } from './row-image.ts';

export interface RowChange {
  type: Change['type'];
  index: number;
  /** Absent for delete and truncate. */
  row: RowImage | undefined;
  /** The old row: whole under REPLICA IDENTITY FULL, else its key. Undefined for insert and truncate. */
  before: RowImage | undefined;
  /** The images lack columns, since the change was too large for a message. */
  isCut: boolean;
}

export interface EnvelopeBody {
  committedAt: number;
  /** More changes of the table in this transaction follow in another envelope. */
  more: boolean;
  /** The envelope is the last of several for its transaction and table. */
  ends: boolean;
  /** A W3C traceparent, where the transaction was traced. */
  trace: string | undefined;
  /** Version of the definition by which the values were rendered; undefined where it is not known. */
  definition: string | undefined;
  key: readonly string[];
  changes: readonly RowChange[];
}

export class ChangeEnvelope {
  readonly sequence: number;
  readonly epoch: string;
  readonly lsn: Lsn;
  readonly xid: number;
  /** `tableKey(schema, table)` */
  readonly table: string;
  /** Time of arrival in this instance, ms since 1970. */
  readonly receivedAt: number;
  readonly bytes: Uint8Array;
  #body: EnvelopeBody | undefined;

  constructor(fields: Omit<ChangeEnvelope, 'body'>) {
    this.sequence = fields.sequence;
    this.epoch = fields.epoch;
    this.lsn = fields.lsn;
    this.xid = fields.xid;
    this.table = fields.table;
    this.receivedAt = fields.receivedAt;
    this.bytes = fields.bytes;
  }

  body(): EnvelopeBody {
    this.#body ??= readBody(Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).toString());
    return this.#body;
  }
}

function readBody(text: string): EnvelopeBody {
  const top = new Map<string, string>();
  const found: Map<string, string>[] = [];
  const takeInto = (parts: Map<string, string>) => (name: string, at: number) => {
    const end = skipValue(text, at);
    parts.set(name, text.slice(at, end));
    return end;
  };
  const takeTop = takeInto(top);
  const takeChange = (at: number) => {
    const change = new Map<string, string>();
    found.push(change);
    return eachMember(text, at, takeInto(change));
  };
  eachMember(text, 0, (name, at) => (name === 'changes' ? eachElement(text, at, takeChange) : takeTop(name, at)));
  const part = (name: keyof Envelope) => top.get(name);
  const key = JSON.parse(part('key') ?? '[]') as string[];
  const more = part('more') === 'true';
  const isExact = part('form') === String(ENVELOPE_FORM);
  return {
    committedAt: Number(part('committedAt')),
    more,
    ends: !more && Number(part('part') ?? 0) > 0,
    trace: JSON.parse(part('trace') ?? 'null') ?? undefined,
    definition: part('definition')?.slice(1, -1),
    key,
    changes: found.map((change) => readChange(change, key, isExact)),
  };
}

function readChange(found: ReadonlyMap<string, string>, key: readonly string[], isExact: boolean): RowChange {
  const type = (found.get('type') ?? '""').slice(1, -1) as Change['type'];
  const rowText = found.get('row');
  const oldText = found.get('old');
  const texts = (name: keyof Change) => (isExact ? (found.get(name) ?? '{}') : undefined);
  const row = rowText === undefined ? undefined : new RowImage(rowText, texts('texts'));
  const old = oldText === undefined ? undefined : new RowImage(oldText, texts('oldTexts'));
  // An update without an old row did not change the key.
  const before = type === 'update' && row && !old ? new RowImage(row.project(key), texts('texts')) : old;
  return { type, index: Number(found.get('index')), row, before, isCut: found.has('cut') };
}
