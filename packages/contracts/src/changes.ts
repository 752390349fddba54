/**
 * The envelopes that the relay publishes on `changes.<schema>.<table>`. An envelope holds the changes of one transaction to one
 * table, or a part of them, in commit order. The body is JSON text.
 */
import { type Static, Type } from 'typebox';
import { type Lsn, lsnFromHex } from './tidemark.ts';

/** Headers of a change message, so that a reader can skip one without parsing its body. */
export const CHANGE_HEADERS = {
  /** JetStream's own; message-id.ts has its form. */
  id: 'Nats-Msg-Id',
  epoch: 'Tidemark-Epoch',
  /** 16 hexadecimal digits: the end of the commit record. */
  lsn: 'Tidemark-Lsn',
  /** 32-bit transaction id, decimal. */
  xid: 'Tidemark-Xid',
} as const;

/**
 * Reads the headers of a change message in one pass. A header that is absent is an empty text, position 0 or NaN.
 */
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

/** At most so many changes in an envelope: a reader's memory for one message stays near 1 MB at 2 KB a row. */
export const MAX_CHANGES_PER_ENVELOPE = 500;
/** At most so many bytes in an envelope, unless a single row is larger: half of NATS's default max_payload (1 MB). */
export const MAX_ENVELOPE_BYTES = 512 * 1024;

/**
 * The prefix of a logical message in a transaction (`pg_logical_emit_message(true, …)`) that contains a W3C traceparent. The
 * envelopes of the transaction carry the traceparent on.
 */
export const TRACE_PREFIX = 'tidemark.trace';

const Row = Type.Record(Type.String(), Type.Unknown());

export const Change = Type.Object({
  type: Type.Union([Type.Literal('insert'), Type.Literal('update'), Type.Literal('delete'), Type.Literal('truncate')]),
  /** Index inside the transaction, over all its tables. */
  index: Type.Integer({ minimum: 0 }),
  /** The row after the change, as Postgres's to_jsonb renders it. Absent for delete and truncate. */
  row: Type.Optional(Row),
  /** The row before it: whole under REPLICA IDENTITY FULL, otherwise the key, otherwise absent. */
  old: Type.Optional(Row),
  /** Postgres's own text of those values of `row` that their JSON does not determine: arrays, a JSON null, … Absent where there are none. */
  texts: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** The same of `old`. */
  oldTexts: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** Columns that `row` lacks: TOASTed values that did not change and were not in the WAL. Absent where there are none. */
  unchanged: Type.Optional(Type.Array(Type.String())),
  /** Columns that `row` and `old` lack since the change would have been too large for a message, or the values could not be rendered. Absent where there are none. */
  cut: Type.Optional(Type.Array(Type.String())),
});
export type Change = Static<typeof Change>;

/** The version of envelopes whose changes have `texts`. Earlier envelopes have no version, and do not determine the values. */
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
  /** Columns of the replica identity's index, else of the primary key, in their order; empty where there is none. */
  key: Type.Array(Type.String()),
  /** The number of the envelope among those of its table and transaction, from 0; absent when it is the only one. */
  part: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Whether more of the table's changes in this transaction follow; absent where this is the only envelope. */
  more: Type.Optional(Type.Boolean()),
  changes: Type.Array(Change, { maxItems: MAX_CHANGES_PER_ENVELOPE }),
  /** Set on the last envelope of the transaction, whatever its table. */
  last: Type.Boolean(),
});
export type Envelope = Static<typeof Envelope>;

/** On `changes.@heartbeat`: everything up to `lsn` has been published before this message. */
export const Heartbeat = Type.Object({
  epoch: Type.String(),
  lsn: Type.String(),
  at: Type.Integer({ description: 'milliseconds since 1970' }),
  instance: Type.String(),
});
export type Heartbeat = Static<typeof Heartbeat>;

/**
 * On `changes.@definitions`: what decides who sees which rows of these tables, and what values they have, is not what it was. It
 * comes before the envelopes of the transaction that changed it wherever Postgres announces that (PROTOCOL.md, R12), and may come
 * again; a reader that knows the versions already has nothing to do.
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
      since: Type.String({ description: '16 hex digits: a position at or past the change' }),
    }),
  ),
});
export type DefinitionsChanged = Static<typeof DefinitionsChanged>;

/** The name, in the empty schema, under which the version of the roles goes. */
export const ROLES_DEFINITION = '@roles';

/**
 * Prefix of the logical message that the event trigger of `tidemark live` emits in a transaction that changes definitions
 * (`pg_logical_emit_message(true, 'tidemark.ddl', '')`).
 */
export const DDL_PREFIX = 'tidemark.ddl';
