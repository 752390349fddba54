import type { FileInputs } from '@tidemark/contracts';
import type { FileRow } from '@tidemark/files';
import { cutText } from '../cut-text.ts';
import { errors } from '../errors.ts';
import type { FileInput, SourceContext, SourcePage } from './job-kind.ts';

type FilesContext = Pick<SourceContext<{ input: FileInputs }>, 'spec' | 'identity' | 'files' | 'rows'>;

/** By row-level security on tidemark.files, a hidden file looks like one that does not exist. */
export function fileSource(context: FilesContext, cursor: string | null, limit: number) {
  const { input } = context.spec;
  if ('query' in input) return queried(context, input, cursor, limit);
  return 'files' in input
    ? listed(context, input.files, Number(cursor ?? 0), limit)
    : below(context, input, cursor, limit);
}

const NO_FILE = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An item of a row that names no file, or one that is hidden, fails alone when it runs. */
async function queried(
  context: FilesContext,
  { file: column, ...query }: { query: string; schema?: string | undefined; file: string },
  cursor: string | null,
  limit: number,
): Promise<SourcePage<FileInput>> {
  const page = await context.rows(query, cursor, limit);
  const ids = page.inputs.map((row) => {
    if (!(column in row)) throw errors.QUERY_WITHOUT_COLUMN({ column });
    const id = row[column];
    return typeof id === 'string' && UUID.test(id) ? id.toLowerCase() : NO_FILE;
  });
  const rows = new Map((await context.files.findMany(context.identity, [...new Set(ids)])).map((row) => [row.id, row]));
  return { inputs: ids.map((file) => ({ file, name: nameOf(rows.get(file)) })), cursor: page.cursor };
}

async function listed(
  { files, identity }: FilesContext,
  ids: readonly string[],
  from: number,
  limit: number,
): Promise<SourcePage<FileInput>> {
  const page = ids.slice(from, from + limit).map((id) => id.toLowerCase());
  // The first page checks the whole list, so that a job with a wrong id fails before any work is done.
  const asked = from === 0 ? ids : page;
  const rows = new Map((await files.findMany(identity, [...new Set(asked)])).map((row) => [row.id, row]));
  if (from === 0) {
    const missing = ids.filter((id) => !rows.has(id.toLowerCase()));
    if (missing.length > 0) throw errors.INPUT_NOT_FOUND({ missing, total: ids.length });
  }
  const end = from + page.length;
  return {
    inputs: page.map((file) => ({ file, name: nameOf(rows.get(file)) })),
    cursor: end < ids.length ? String(end) : null,
  };
}

async function below(
  { files, identity }: FilesContext,
  { prefix, bucket }: { prefix: string; bucket?: string | undefined },
  cursor: string | null,
  limit: number,
): Promise<SourcePage<FileInput>> {
  const [after, afterBucket] = cursor === null ? [] : (JSON.parse(cursor) as [string, string]);
  const rows = await files.list(identity, { prefix, bucket, after, afterBucket, limit });
  const last = rows.at(-1);
  return {
    inputs: rows.map((row) => ({ file: row.id, name: nameOf(row) })),
    cursor: last && rows.length === limit ? JSON.stringify([last.path, last.bucket]) : null,
  };
}

/** The path of an output has at most 1,024 characters. */
const MAX_NAME = 200;

function nameOf(row: FileRow | undefined): string {
  return (row && cutText(row.path.slice(row.path.lastIndexOf('/') + 1), MAX_NAME)) || 'file';
}
