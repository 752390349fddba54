import { Readable } from 'node:stream';
import type { FileInputs } from '@tidemark/contracts';
import type { FileRow } from '@tidemark/files';
import { errors } from '../errors.ts';
import { fileSource } from '../kinds/file-source.ts';
import type { SourceContext } from '../kinds/job-kind.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import { readQueryPage } from '../tables/query-page.ts';
import { createEntryNames } from './entry-names.ts';
import type { ZipEntry } from './zip-stream.ts';

export interface ArchiveCounts {
  files: number;
  bytes: number;
}

/** The names and the manifest are in memory: about 500 bytes a file. */
const MAX_FILES = 100_000;
const PAGE = 500;
const MANIFEST = 'manifest.ndjson';
/** Formats that deflate does not make smaller. */
const COMPRESSED =
  /^(?:image\/(?!svg|bmp|tiff)|video\/|audio\/|application\/(?:zip|gzip|x-7z|x-xz|zstd|pdf|vnd\.apache\.parquet|vnd\.openxml))/;

/** Yields the files that the job may read, then a manifest with a line for each. Fills in `counts`. */
export async function* archiveEntries(
  database: DatabaseContext,
  input: FileInputs,
  counts: ArchiveCounts,
): AsyncGenerator<ZipEntry> {
  const names = createEntryNames([MANIFEST]);
  const lines: Buffer[] = [];
  for await (const file of filesOf(database, input)) {
    if (counts.files >= MAX_FILES) throw errors.ARCHIVE_FULL({ limit: MAX_FILES });
    const name = names.next(relativePath(file, input));
    counts.files += 1;
    counts.bytes += file.size;
    lines.push(Buffer.from(`${manifestLine(name, file)}\n`));
    yield {
      name,
      size: file.size,
      modifiedAt: new Date(file.created_at),
      compress: !COMPRESSED.test(file.content_type),
      open: async () => (await openBytes(database, file)).stream,
    };
  }
  const size = lines.reduce((sum, line) => sum + line.length, 0);
  const open = async () => Readable.from(lines);
  yield { name: MANIFEST, size, modifiedAt: new Date(), compress: true, open };
}

async function* filesOf(database: DatabaseContext, input: FileInputs): AsyncGenerator<FileRow> {
  const { files, identity } = database;
  const rows: SourceContext<unknown>['rows'] = (query, after, most) => readQueryPage(database, query, after, most);
  const context = { spec: { input }, identity, files, rows };
  let cursor: string | null = null;
  do {
    const page = await fileSource(context, cursor, PAGE);
    const ids = page.inputs.map(({ file }) => file);
    const found = new Map((await files.findMany(identity, ids)).map((row) => [row.id, row]));
    for (const id of ids) {
      const row = found.get(id);
      if (row) yield row;
      else if ('query' in input) throw errors.ROW_WITHOUT_FILE({ column: input.file });
    }
    cursor = page.cursor;
  } while (cursor !== null);
}

async function openBytes({ store }: DatabaseContext, file: FileRow) {
  try {
    return await store.open(file.storage_key);
  } catch (cause) {
    if ((cause as { code?: string }).code === 'FILES_NOT_FOUND')
      throw errors.INPUT_GONE({ name: file.path }, { cause });
    throw cause;
  }
}

/** Names below a prefix begin behind its last folder. */
function relativePath({ path }: FileRow, input: FileInputs): string {
  return 'prefix' in input ? path.slice(input.prefix.lastIndexOf('/') + 1) : path;
}

function manifestLine(name: string, { id, bucket, path, content_type, size, sha256, created_at }: FileRow): string {
  return JSON.stringify({ name, id, bucket, path, content_type, size, sha256, created_at });
}
