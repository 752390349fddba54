/** SQL with which Postgres renders the rows of a statement as one text, so that the gateway never parses a row. */
import type { RowsMedia } from '@tidemark/query';

/** `"_t"` has the rows of the statement. A null body means that the response has none. */
export function bodySql(media: RowsMedia): string {
  switch (media.kind) {
    case 'object':
      return `(json_agg(${rowSql(media)}) -> 0)::text`;
    case 'csv':
      return csvSql;
    case 'ndjson':
      return `coalesce(string_agg(row_to_json("_t")::text || e'\\n', ''), '')`;
    case 'geojson':
      return `json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(st_asgeojson("_t")::json), '[]'))::text`;
    default:
      return `coalesce(json_agg(${rowSql(media)}), '[]')::text`;
  }
}

/** Every connection of the gateway sets this at its start (@tidemark/db, database.ts). */
const MAX_BYTES = `current_setting('tidemark.answer_max_bytes', true)::int8`;

/**
 * The body of `"_a"`. One that is too long fails the statement, so that a write is rolled back: its COMMIT is sent together with
 * it, and would be run before the answer is refused here. A cast that cannot succeed is the way to fail in plain SQL;
 * reply/postgres-errors.ts knows its message. `share`: how many such bodies the answer has.
 */
export function boundedBodySql(share = '1'): string {
  const bytes = 'octet_length("_a".body)';
  const most = `${MAX_BYTES} / ${share}`;
  return `case when ${bytes} > ${most} then ('${LONG_ANSWER}' || ${bytes} || '>' || ${most})::int4::text else "_a".body end as body`;
}

export const LONG_ANSWER = 'tidemark_answer_bytes:';

export const rowSql = (media: RowsMedia) => (media.nullsStripped ? 'json_strip_nulls(row_to_json("_t"))' : '"_t"');

/**
 * A header, then the rows as Postgres writes a record, without its parentheses: what PostgREST answers. But a record doubles
 * its backslashes, which RFC 4180 has no meaning for: once here, as in an export (COPY).
 */
const csvSql = `coalesce(
  (select string_agg(case when key ~ '[",\\n\\r]' then '"' || replace(key, '"', '""') || '"' else key end, ',' order by ord)
     from json_object_keys((json_agg("_t") -> 0)) with ordinality as keys(key, ord))
  || e'\\n'
  || string_agg(replace(substring("_t"::text, 2, length("_t"::text) - 2), e'\\\\\\\\', e'\\\\'), e'\\n'), '')`;

/** The same for a function that returns a value instead of rows, in `"_t"."value"`. */
export function scalarBodySql(media: RowsMedia, isSet: boolean, isBytes: boolean): string {
  const value = '"_t"."value"';
  // Bytes are sent as text; the route decodes them.
  if (isBytes) return `encode(string_agg(${value}, ''), 'base64')`;
  if (media.kind === 'text' || media.kind === 'octet-stream') return `string_agg(${value}::text, '')`;
  if (media.kind === 'csv') return `string_agg(${value}::text, e'\\n')`;
  if (isSet) return `coalesce(json_agg(${value}), '[]')::text`;
  return `(json_agg(${value}) -> 0)::text`;
}
