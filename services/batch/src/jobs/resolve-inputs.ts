import type { ImageTransformSpec } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { FileRegistry, FileRow } from '@tidemark/files';
import { cutText } from '../cut-text.ts';
import { errors } from '../errors.ts';
import type { Item } from '../workers/protocol.ts';

/** As `job_chunks.items` keeps it: where the bytes are is looked up when the item runs, with the rights of that moment. */
export type PlannedItem = Pick<Item, 'index' | 'file' | 'name'>;

/** Rows of a page of the prefix's files. */
const PAGE = 1_000;

/**
 * The job's items, in the order of its list or of the paths. Reads under the job's own identity: row-level security on
 * tidemark.files decides, and a file that is hidden looks like one that does not exist.
 * @throws BATCH_INPUT_NOT_FOUND, BATCH_NO_INPUT, BATCH_TOO_MANY_ITEMS
 */
export async function resolveInputs(
  registry: FileRegistry,
  identity: Identity,
  input: ImageTransformSpec['input'],
  maxItems: number,
): Promise<PlannedItem[]> {
  const rows =
    'files' in input
      ? await byIds(registry, identity, input.files)
      : await byPrefix(registry, identity, input, maxItems);
  return rows.map(toItem);
}

async function byIds(registry: FileRegistry, identity: Identity, ids: readonly string[]): Promise<FileRow[]> {
  const rows = new Map((await registry.findMany(identity, [...new Set(ids)])).map((row) => [row.id, row]));
  const missing = ids.filter((id) => !rows.has(id.toLowerCase()));
  if (missing.length > 0) throw errors.INPUT_NOT_FOUND({ missing, total: ids.length });
  return ids.map((id) => rows.get(id.toLowerCase()) as FileRow);
}

async function byPrefix(
  registry: FileRegistry,
  identity: Identity,
  { prefix, bucket }: { prefix: string; bucket?: string | undefined },
  maxItems: number,
): Promise<FileRow[]> {
  const rows: FileRow[] = [];
  for (;;) {
    const last = rows.at(-1);
    const from = { after: last?.path, afterBucket: last?.bucket };
    const page = await registry.list(identity, { prefix, bucket, ...from, limit: PAGE });
    rows.push(...page);
    if (rows.length > maxItems) throw errors.TOO_MANY_ITEMS({ limit: maxItems, prefix });
    if (page.length < PAGE) break;
  }
  if (rows.length === 0) throw errors.NO_INPUT({ prefix });
  return rows;
}

/** Characters of an input's name in its output's path: the path has room for 1,024. */
const MAX_NAME = 200;

function toItem({ id, path }: FileRow, index: number): PlannedItem {
  const name = cutText(path.slice(path.lastIndexOf('/') + 1), MAX_NAME) || 'file';
  return { index, file: id, name };
}
