/**
 * Postgres renders the rows as one text, so that the gateway never parses a row. A row is written `"_t".*`: a bare
 * `"_t"` would be a column, where the rows have one of that name.
 */
import type { OwnMedia, RowsMedia } from '@tidemark/query';
import type { RelationRef } from '../catalog/catalog.ts';
import { qualified } from './params.ts';

export function bodySql(media: RowsMedia): string {
  if (media.own?.aggregate) return ownBodySql(media.own, media.own.aggregate);
  switch (media.kind) {
    case 'object':
      return `(json_agg(${rowSql(media)}) -> 0)::text`;
    case 'csv':
      return csvSql;
    case 'ndjson':
      return `coalesce(string_agg(row_to_json("_t".*)::text || e'\\n', ''), '')`;
    case 'geojson':
      return `json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(st_asgeojson("_t".*)::json), '[]'))::text`;
    default:
      return `coalesce(json_agg(${rowSql(media)}), '[]')::text`;
  }
}

/** The aggregate of one relation takes rows of its type, which `"_t"` has where all columns are selected. */
function ownBodySql({ rowsOf, isBytes }: OwnMedia, aggregate: RelationRef): string {
  const row = rowsOf ? `row("_t".*)::${qualified(rowsOf)}` : '"_t"';
  const body = `${qualified(aggregate)}(${row})`;
  return isBytes ? `encode(${body}::bytea, 'base64')` : `${body}::text`;
}

/** Every connection of the gateway sets this at its start (@tidemark/db, database.ts). */
const MAX_BYTES = `current_setting('tidemark.answer_max_bytes', true)::int8`;

/**
 * A body that is too long fails the statement, because a write's COMMIT is sent together with it. Plain SQL fails by
 * an impossible cast, whose message reply/postgres-errors.ts knows. `share` is the number of such bodies in the
 * answer.
 */
export function boundedBodySql(share = '1'): string {
  const bytes = 'octet_length("_a".body)';
  const most = `${MAX_BYTES} / ${share}`;
  return `case when ${bytes} > ${most} then ('${LONG_ANSWER}' || ${bytes} || '>' || ${most})::int4::text else "_a".body end as body`;
}

export const LONG_ANSWER = 'tidemark_answer_bytes:';

export const rowSql = (media: RowsMedia) => (media.nullsStripped ? 'json_strip_nulls(row_to_json("_t".*))' : '"_t".*');

/**
 * The rows are written as a record without its parentheses. A record doubles its backslashes, which have no meaning
 * in RFC 4180.
 */
const csvSql = `coalesce(
  (select string_agg(case when key ~ '[",\\n\\r]' then '"' || replace(key, '"', '""') || '"' else key end, ',' order by ord)
     from json_object_keys((json_agg("_t".*) -> 0)) with ordinality as keys(key, ord))
  || e'\\n'
  || string_agg(replace(substring(("_t".*)::text, 2, length(("_t".*)::text) - 2), e'\\\\\\\\', e'\\\\'), e'\\n'), '')`;

export function scalarBodySql(media: RowsMedia, isSet: boolean, isBytes: boolean): string {
  const value = '"_t"."value"';
  // Bytes are sent as text; the route decodes them.
  if (isBytes) return `encode(string_agg(${value}::bytea, ''), 'base64')`;
  if (media.kind === 'text' || media.kind === 'octet-stream') return `string_agg(${value}::text, '')`;
  if (media.kind === 'csv') return `string_agg(${value}::text, e'\\n')`;
  if (media.kind === 'ndjson')
    return `coalesce(string_agg(coalesce(to_json(${value})::text, 'null') || e'\\n', ''), '')`;
  if (isSet) return `coalesce(json_agg(${value}), '[]')::text`;
  return `(json_agg(${value}) -> 0)::text`;
}
