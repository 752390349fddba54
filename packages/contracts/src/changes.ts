/** An envelope on `changes.<schema>.<table>` holds a transaction's changes of one table, or a part, in commit order. */
import { type Static, Type } from 'typebox';
import { type Lsn, lsnFromHex } from './tidemark.ts';

/** Headers of a change message, so that a reader can skip one without parsing its body. */
export const CHANGE_HEADERS = {
  /** JetStream's message id; see message-id.ts. */
  id: 'Nats-Msg-Id',
  epoch: 'Tidemark-Epoch',
  /** 16 hexadecimal digits: the end of the commit record. */
  lsn: 'Tidemark-Lsn',
  /** 32-bit transaction id, decimal. */
  xid: 'Tidemark-Xid',
} as const;

/** Reads the headers of a change message in one pass. A missing header becomes an empty text, LSN 0 or NaN. */
export function readChangeHeaders(headers: Iterable<readonly [string, readonly string[]]> | undefined) {
  const found = { id: '', epoch: '', lsn: 0n as Lsn, xid: Number.NaN };
  for (const [name, [value = '']] of headers ?? []) {
    if (name === CHANGE_HEADERS.epoch) found.epoch = value;
    else if (name === CHANGE_HEADERS.lsn) found.lsn = lsnFromHex(value || '0');
    else if (name === CHANGE_HEADERS.xid) found.xid = Number(value);
    else if (name === CHANGE_HEADERS.id) found.id = value;
  }
  return found;
}

/** Maximum number of changes in an envelope: at 2 KB a row, a message takes about 1 MB of a reader's memory. */
export const MAX_CHANGES_PER_ENVELOPE = 500;
/** Maximum size of an envelope, unless a single row is larger: half of NATS's default max_payload (1 MB). */
export const MAX_ENVELOPE_BYTES = 512 * 1024;

/** Prefix of `pg_logical_emit_message(true, …)` with a W3C traceparent; the transaction's envelopes carry it. */
export const TRACE_PREFIX = 'tidemark.trace';

const Row = Type.Record(Type.String(), Type.Unknown());

export const Change = Type.Object({
  type: Type.Union([Type.Literal('insert'), Type.Literal('update'), Type.Literal('delete'), Type.Literal('truncate')]),
  /** The index in the transaction, counted over all its tables. */
  index: Type.Integer({ minimum: 0 }),
  /** The row after the change, as Postgres's to_jsonb renders it. Absent for delete and truncate. */
  row: Type.Optional(Row),
  /** The row before the change: complete under REPLICA IDENTITY FULL, otherwise the key, otherwise absent. */
  old: Type.Optional(Row),
  /** Postgres's text of the values in `row` that their JSON does not determine, such as arrays and a JSON null. */
  texts: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** The same for `old`. */
  oldTexts: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** Columns missing in `row`: TOASTed values that did not change and are not in the WAL. Absent if there are none. */
  unchanged: Type.Optional(Type.Array(Type.String())),
  /** Columns missing because the change was too large for a message, or a value could not be rendered. */
  cut: Type.Optional(Type.Array(Type.String())),
});
export type Change = Static<typeof Change>;

/** Format of envelopes with `texts`. Earlier envelopes have no `form` and do not determine their values. */
export const ENVELOPE_FORM = 2;

export const Envelope = Type.Object({
  form: Type.Optional(Type.Integer({ description: 'ENVELOPE_FORM' })),
  epoch: Type.String(),
  lsn: Type.String({ description: '16 hex digits: the end of the commit record' }),
  xid: Type.Integer({ description: '32-bit transaction id' }),
  trace: Type.Optional(Type.String({ description: 'W3C traceparent of the transaction, where it was traced' })),
  committedAt: Type.Integer({ description: 'milliseconds since 1970, from the commit record' }),
  schema: Type.String(),
  table: Type.String(),
  /** Columns of the replica identity's index, else of the primary key, in order; empty if the table has neither. */
  key: Type.Array(Type.String()),
  /** Version of the table's definition by which the values were rendered; absent if the relay does not know it. */
  definition: Type.Optional(Type.String()),
  /** The number of this envelope among the table's envelopes in the transaction, from 0; absent if it is the only one. */
  part: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Whether further changes of the table in this transaction follow; absent if this is the only envelope. */
  more: Type.Optional(Type.Boolean()),
  changes: Type.Array(Change, { maxItems: MAX_CHANGES_PER_ENVELOPE }),
  /** Set on the last envelope of the transaction, over all its tables. */
  last: Type.Boolean(),
});
export type Envelope = Static<typeof Envelope>;

/** Schema of `changes.@heartbeat`: everything up to `lsn` was published before this message. */
export const Heartbeat = Type.Object({
  epoch: Type.String(),
  lsn: Type.String(),
  at: Type.Integer({ description: 'milliseconds since 1970' }),
  instance: Type.String(),
});
export type Heartbeat = Static<typeof Heartbeat>;

/**
 * These tables' policies, rights or column types changed. The message precedes the envelopes of the transaction that
 * changed them wherever Postgres announces the change (PROTOCOL.md, R12), and may be repeated.
 */
export const DefinitionsChanged = Type.Object({
  epoch: Type.String(),
  lsn: Type.String({ description: '16 hex digits: everything up to it was published before this message' }),
  at: Type.Integer({ description: 'milliseconds since 1970' }),
  tables: Type.Array(
    Type.Object({
      /** Empty, with the table ROLES_DEFINITION, for the roles and their memberships. */
      schema: Type.String(),
      table: Type.String(),
      version: Type.Union([Type.String(), Type.Null()], { description: 'null: dropped, or no longer published' }),
      since: Type.String({ description: '16 hex digits: at or past the change, and all that was published before it' }),
    }),
  ),
});
export type DefinitionsChanged = Static<typeof DefinitionsChanged>;

export const ROLES_DEFINITION = '@roles';

/** Prefix of the logical message by which the event trigger of `tidemark live` announces changed definitions. */
export const DDL_PREFIX = 'tidemark.ddl';
