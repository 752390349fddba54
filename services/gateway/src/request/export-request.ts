/**
 * Decides which answers are streamed: those of a GET that meets one of these.
 *
 *   requests it      Prefer: export=stream, or export=status-line, with CSV, NDJSON or JSON
 *   would be cut     text/csv or NDJSON, without a limit (or with one above DB_MAX_ROWS), a Range or a count
 *
 * Others are pages: held in memory, cached, with Content-Range and an ETag.
 */
import type { CopyFormat } from '@tidemark/db';
import type { Preferences, Query, RowsMedia } from '@tidemark/query';

export interface ExportRequest {
  readonly format: CopyFormat;
  readonly nullsStripped: boolean;
  readonly statusLine: boolean;
  readonly filename: string | null;
  readonly media: RowsMedia;
  readonly preferences: Pick<Preferences, 'export' | 'filename' | 'handling'>;
}

export function exportOf(
  media: RowsMedia,
  preferences: Pick<Preferences, 'export' | 'filename' | 'handling' | 'count'>,
  query: Pick<Query, 'limit' | 'after'>,
  maxRows: number,
): ExportRequest | null {
  const format = FORMATS[media.kind];
  if (format === undefined || query.after !== null) return null;
  const { export: asked, filename, handling } = preferences;
  const wouldBeCut = format !== 'json' && preferences.count === null && (query.limit ?? maxRows + 1) > maxRows;
  if (asked === null && !wouldBeCut) return null;
  const statusLine = asked === 'status-line' && format === 'ndjson';
  return {
    format,
    media,
    statusLine,
    filename,
    nullsStripped: media.nullsStripped,
    preferences: { handling, filename, export: asked === 'status-line' && !statusLine ? null : asked },
  };
}

const FORMATS: Readonly<Partial<Record<RowsMedia['kind'], CopyFormat>>> = {
  csv: 'csv',
  ndjson: 'ndjson',
  json: 'json',
  array: 'json',
};
