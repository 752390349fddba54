/**
 * FETCH counts rows, so a DO block counts the bytes and returns the page in settings. A function would need a schema
 * that every role may use.
 */
import type { Transaction } from '@tidemark/db';
import { errors } from '../errors.ts';

export interface PageLimits {
  rows: number;
  /** A page exceeds these by at most one row. */
  bytes: number;
  /** Bytes of a row as JSON. The cursor returns NULL for a larger row. */
  rowBytes: number;
}

export interface SnapshotPage {
  /** JSON texts. */
  rows: string[];
  done: boolean;
}

interface PageAnswer {
  rows: string;
  count: string;
  end: string;
}

/** The cursor's name must need no quotes. */
export async function fetchPage(tx: Transaction, cursor: string, limits: PageLimits): Promise<SnapshotPage> {
  const [, [answer]] = await Promise.all([tx.query(pageBlock(cursor, limits)), tx.query<PageAnswer>(PAGE)]);
  const { rows, count, end } = answer as PageAnswer;
  if (end === 'too large') throw errors.ROW_TOO_LARGE({ limit: limits.rowBytes });
  // to_jsonb prints no line breaks.
  return { rows: count === '0' ? [] : rows.split('\n'), done: end === 'done' };
}

const PAGE = `select current_setting('tidemark.page') as rows, current_setting('tidemark.page_rows') as count,
  current_setting('tidemark.page_end') as end`;

const pageBlock = (cursor: string, { rows, bytes }: PageLimits): string => `do language plpgsql $tidemark$
declare
  source refcursor := '${cursor}';
  row text;
  page text[] := '{}';
  bytes int := 0;
  ending text := 'more';
begin
  while cardinality(page) < ${rows} and bytes < ${bytes} loop
    fetch source into row;
    if not found then ending := 'done'; exit; end if;
    if row is null then ending := 'too large'; exit; end if;
    page := page || row;
    bytes := bytes + octet_length(row);
  end loop;
  perform set_config('tidemark.page', array_to_string(page, e'\\n'), true), set_config('tidemark.page_rows', cardinality(page)::text, true),
    set_config('tidemark.page_end', ending, true);
end $tidemark$`;
