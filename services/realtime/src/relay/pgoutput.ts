/** Decodes pgoutput, version 1. Pure. Source: PostgreSQL documentation, "Logical Replication Message Formats". */
import type { Lsn } from '@tidemark/contracts';
import { errors } from '../errors.ts';

export interface Rendered {
  text: string;
  json: string;
}

/** A column's value: its text, null, or undefined where a TOASTed value did not change and was not sent. */
export type TupleValue = string | Rendered | null | undefined;
export type Tuple = readonly TupleValue[];

export interface RelationColumn {
  /** Whether the column is part of the replica identity. Under REPLICA IDENTITY FULL every column is. */
  identity: boolean;
  name: string;
  typeOid: number;
  typeModifier: number;
}

/** `d`efault, `n`othing, `f`ull, `i`ndex. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i';

export interface Relation {
  oid: number;
  schema: string;
  table: string;
  replicaIdentity: ReplicaIdentity;
  columns: readonly RelationColumn[];
}

export type PgMessage =
  | { tag: 'begin'; finalLsn: Lsn; committedAt: number; xid: number }
  | { tag: 'commit'; commitLsn: Lsn; endLsn: Lsn; committedAt: number }
  | { tag: 'relation'; relation: Relation }
  | { tag: 'type'; oid: number; schema: string; name: string }
  | ({ tag: 'insert'; oid: number; row: Tuple } & Oversize)
  /** `key` where only the changed replica identity was sent, `old` for the whole row (REPLICA IDENTITY FULL). */
  | ({ tag: 'update'; oid: number; key: Tuple | undefined; old: Tuple | undefined; row: Tuple } & Oversize)
  | ({ tag: 'delete'; oid: number; key: Tuple | undefined; old: Tuple | undefined } & Oversize)
  | { tag: 'truncate'; oids: readonly number[]; cascade: boolean; restartIdentity: boolean }
  | { tag: 'message'; transactional: boolean; lsn: Lsn; prefix: string; content: Buffer }
  | { tag: 'origin'; lsn: Lsn; name: string };

interface Oversize {
  /** Columns with a value of more than MAX_VALUE_BYTES, which is undefined in its tuple. */
  oversize?: ReadonlySet<number>;
}

/** Bytes of a value. A longer one does not fit a message, and several would exceed the limit of a string (512 MB). */
const MAX_VALUE_BYTES = 16 * 1_024 ** 2;

/** Milliseconds from 1970 to 2000, the start of Postgres's clock. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Reads a message. A read past its end throws. */
class Cursor {
  readonly bytes: Buffer;
  at = 0;
  oversize: Set<number> | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes.readUInt8(this.at);
    this.at += 1;
    return value;
  }

  char(): string {
    return String.fromCharCode(this.byte());
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  uint32(): number {
    const value = this.bytes.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  lsn(): Lsn {
    const value = this.bytes.readBigUInt64BE(this.at);
    this.at += 8;
    return value;
  }

  /** Reads a timestamp as milliseconds since 1970. */
  timestamp(): number {
    // A number holds microseconds exactly until the year 2255.
    const micros = this.bytes.readInt32BE(this.at) * 4_294_967_296 + this.bytes.readUInt32BE(this.at + 4);
    this.at += 8;
    return Math.floor(micros / 1_000) + POSTGRES_EPOCH_MS;
  }

  string(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new RangeError('a string without its end');
    const value = this.bytes.toString('utf8', this.at, end);
    this.at = end + 1;
    return value;
  }

  text(length: number): string {
    const end = this.at + length;
    if (length < 0 || end > this.bytes.length) throw new RangeError('a value longer than its message');
    const value = this.bytes.toString('utf8', this.at, end);
    this.at = end;
    return value;
  }

  value(length: number, column: number): string | undefined {
    if (length <= MAX_VALUE_BYTES) return this.text(length);
    if (this.at + length > this.bytes.length) throw new RangeError('a value longer than its message');
    this.at += length;
    this.oversize ??= new Set();
    this.oversize.add(column);
    return undefined;
  }

  tuple(): Tuple {
    const count = this.int16();
    const values = new Array<TupleValue>(count);
    for (let index = 0; index < count; index += 1) {
      const kind = this.byte();
      if (kind === 0x74 /* t */) values[index] = this.value(this.int32(), index);
      else if (kind === 0x6e /* n */) values[index] = null;
      else if (kind === 0x75 /* u */) values[index] = undefined;
      else throw new RangeError(`a value of the unknown kind 0x${kind.toString(16)}`);
    }
    return values;
  }
}

/** Values are copied into strings, so that the caller may reuse its buffer. */
export function decodePgoutput(bytes: Buffer): PgMessage {
  const cursor = new Cursor(bytes);
  try {
    const message = decode(cursor);
    return cursor.oversize ? ({ ...message, oversize: cursor.oversize } as PgMessage) : message;
  } catch (cause) {
    throw errors.WAL_UNREADABLE(
      { reason: (cause as Error).message, head: bytes.subarray(0, 32).toString('hex') },
      { cause },
    );
  }
}

function decode(cursor: Cursor): PgMessage {
  const tag = cursor.char();
  switch (tag) {
    case 'B':
      return { tag: 'begin', finalLsn: cursor.lsn(), committedAt: cursor.timestamp(), xid: cursor.uint32() };
    case 'C':
      cursor.byte(); // flags, unused
      return { tag: 'commit', commitLsn: cursor.lsn(), endLsn: cursor.lsn(), committedAt: cursor.timestamp() };
    case 'R':
      return { tag: 'relation', relation: relation(cursor) };
    case 'Y':
      return { tag: 'type', oid: cursor.uint32(), schema: cursor.string(), name: cursor.string() };
    case 'I': {
      const oid = cursor.uint32();
      expect(cursor.char(), 'N');
      return { tag: 'insert', oid, row: cursor.tuple() };
    }
    case 'U':
      return update(cursor);
    case 'D': {
      const oid = cursor.uint32();
      const kind = expect(cursor.char(), 'K', 'O');
      const tuple = cursor.tuple();
      return { tag: 'delete', oid, key: kind === 'K' ? tuple : undefined, old: kind === 'O' ? tuple : undefined };
    }
    case 'T': {
      const count = cursor.int32();
      const options = cursor.byte();
      const oids = Array.from({ length: count }, () => cursor.uint32());
      return { tag: 'truncate', oids, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 };
    }
    case 'M': {
      const transactional = (cursor.byte() & 1) !== 0;
      const lsn = cursor.lsn();
      const prefix = cursor.string();
      const length = cursor.int32();
      const content = Buffer.from(cursor.bytes.subarray(cursor.at, cursor.at + length));
      return { tag: 'message', transactional, lsn, prefix, content };
    }
    case 'O':
      return { tag: 'origin', lsn: cursor.lsn(), name: cursor.string() };
    default:
      throw new RangeError(`a message of the unknown kind "${tag}"`);
  }
}

function relation(cursor: Cursor): Relation {
  const oid = cursor.uint32();
  // Postgres leaves the name empty for pg_catalog.
  const schema = cursor.string() || 'pg_catalog';
  const table = cursor.string();
  const replicaIdentity = expect(cursor.char(), 'd', 'n', 'f', 'i') as ReplicaIdentity;
  const columns = Array.from({ length: cursor.int16() }, () => ({
    identity: (cursor.byte() & 1) !== 0,
    name: cursor.string(),
    typeOid: cursor.uint32(),
    typeModifier: cursor.int32(),
  }));
  return { oid, schema, table, replicaIdentity, columns };
}

function update(cursor: Cursor): PgMessage {
  const oid = cursor.uint32();
  let kind = expect(cursor.char(), 'K', 'O', 'N');
  let key: Tuple | undefined;
  let old: Tuple | undefined;
  if (kind === 'K') key = cursor.tuple();
  else if (kind === 'O') old = cursor.tuple();
  if (kind !== 'N') kind = expect(cursor.char(), 'N');
  return { tag: 'update', oid, key, old, row: cursor.tuple() };
}

function expect(found: string, ...wanted: string[]): string {
  if (!wanted.includes(found)) throw new RangeError(`"${found}" where ${wanted.join(' or ')} belongs`);
  return found;
}
