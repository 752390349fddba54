import type { Statement } from '@tidemark/db';
import {
  answersBytes,
  type CallArguments,
  type Catalog,
  checkLimits,
  type EmbedLimits,
  planCall,
  planCallExport,
  type Routine,
  returnsScalars,
  type WriteRow,
} from '@tidemark/plan';
import {
  assertSatisfiable,
  contentRange,
  type Preferences,
  type Query,
  type RowsMedia,
  rangeStatus,
} from '@tidemark/query';
import { errors, postgrest } from '../errors.ts';
import { isObject, type StoredReply, storedReply } from '../reply/stored-reply.ts';
import type { PlannedWrite } from './planned-write.ts';

export interface CallParts {
  readonly routine: Routine;
  readonly query: Query;
  readonly args: CallArguments;
  readonly media: RowsMedia;
  readonly exactCount: boolean;
  readonly preferences: Partial<Preferences>;
  readonly limits: EmbedLimits;
}

export class FunctionCall implements PlannedWrite {
  readonly writes = 'locked';
  readonly mustCheck: boolean;
  readonly returnsBytes: boolean;
  readonly #catalog: Catalog;
  readonly #parts: CallParts;
  /** The media type of the reply. A scalar has no array around it, so a request for one object gets it unchanged. */
  readonly #media: RowsMedia;
  readonly #maximum: number | null;
  readonly #oneRow: boolean;

  constructor(catalog: Catalog, parts: CallParts) {
    const { routine, query, media, limits } = parts;
    const { resultRelation: of } = routine;
    checkLimits(catalog, of ? (catalog.relation(of.schema, of.name) ?? null) : null, query, limits);
    if (query.after !== null) {
      throw errors.KEYSET({ reason: 'the rows of a function have no key', hint: 'Page by limit and offset.' });
    }
    this.#catalog = catalog;
    this.#parts = parts;
    this.#media = returnsScalars(routine) && media.kind === 'array' ? { kind: 'json', nullsStripped: false } : media;
    const { handling, maxAffected = null } = parts.preferences;
    this.#maximum = handling === 'strict' ? maxAffected : null;
    if (this.#maximum !== null && !routine.returnsSet) throw postgrest.PGRST128({ name: routine.name });
    this.#oneRow = isObject(this.#media) && (routine.returnsSet || !returnsScalars(routine));
    this.mustCheck = this.#oneRow || this.#maximum !== null || (parts.exactCount && query.offset > 0);
    this.returnsBytes = answersBytes(routine, media);
  }

  statement(): Statement {
    const { routine, query, args, media, exactCount, limits } = this.#parts;
    return planCall(this.#catalog, routine, query, args, { media, exactCount, maxRows: limits.maxRows });
  }

  exportStatement(): Statement {
    const { routine, query, args, media } = this.#parts;
    return planCallExport(this.#catalog, routine, query, args, media.kind);
  }

  check(row: WriteRow): void {
    const rows = Number(row.rows);
    if (this.#maximum !== null && rows > this.#maximum) {
      throw postgrest.PGRST124({ affected: rows, maximum: this.#maximum });
    }
    // Before COMMIT: the offset is an error of the request, which must not have changed anything.
    if (this.#parts.routine.returnsSet) assertSatisfiable(this.#parts.query.offset, numberOf(row.total));
    if (this.#oneRow && rows !== 1) throw postgrest.PGRST116({ rows });
  }

  reply(row: WriteRow): StoredReply {
    const { routine, query, preferences } = this.#parts;
    const rows = Number(row.rows);
    const total = numberOf(row.total);
    const status = routine.returnsSet ? rangeStatus(rows, total) : 200;
    return storedReply({
      status: routine.returnsVoid ? 204 : status,
      media: this.#media,
      body: routine.returnsVoid ? null : (row.body ?? ''),
      headers: routine.returnsVoid
        ? {}
        : { 'content-range': contentRange(routine.returnsSet ? query.offset : 0, rows, total) },
      preferences,
      settings: row,
    });
  }
}

const numberOf = (text: string | null): number | null => (text === null ? null : Number(text));
