/** The latest requests that were slow, failed or were refused. */
import type { RequestRecord, RequestsRequest } from '@tidemark/contracts';

/** A record has at most 1 KB: its texts are cut. */
const MAX_RECORDS = 1_000;
/** Clients that send wrong requests (4xx) may take this many, and never push out what is slow or broken. */
const MAX_CLIENT_ERRORS = 300;
const MAX_TEXT = 120;

export class RequestRecords {
  #clientErrors: RequestRecord[] = [];
  #others: RequestRecord[] = [];

  get size(): number {
    return this.#clientErrors.length + this.#others.length;
  }

  add(record: RequestRecord): void {
    const isClientError = record.status >= 400 && record.status < 500 && record.status !== 429;
    const list = isClientError ? this.#clientErrors : this.#others;
    list.push(cut(record));
    if (list.length > (isClientError ? MAX_CLIENT_ERRORS : MAX_RECORDS - MAX_CLIENT_ERRORS)) list.shift();
  }

  /** The newest first. */
  find({ id, route, table, limit }: Omit<RequestsRequest, 'token'>): RequestRecord[] {
    return [...this.#clientErrors, ...this.#others]
      .filter((record) => id === undefined || record.id === id)
      .filter((record) => route === undefined || record.route === route)
      .filter((record) => table === undefined || record.table === table)
      .sort((a, b) => b.at - a.at)
      .slice(0, limit);
  }
}

const short = <T extends string | null>(text: T): T => (text === null ? text : (text.slice(0, MAX_TEXT) as T));

function cut(record: RequestRecord): RequestRecord {
  const { holder } = record;
  return {
    ...record,
    route: short(record.route),
    table: short(record.table),
    asked: short(record.asked),
    served: short(record.served),
    holder: holder && { ...holder, route: short(holder.route), statement: short(holder.statement) },
  };
}
