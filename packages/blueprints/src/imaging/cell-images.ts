/** The images of the projects of `imaging`: files in its bucket, and a row for each. */
import type { Database, Row } from '@tidemark/db';
import { createFileRegistry, type FileStore, type NewFile } from '@tidemark/files';
import { drawCells } from './draw-cells.ts';

const EACH = 8;
const LIMIT_BYTES = 1024 ** 2;
const BUCKET = 'imaging';

export async function cellImages(db: Database, store: FileStore): Promise<number> {
  const { write } = db.pools;
  const [there] = await write.query('select from imaging.images limit 1');
  if (there) return 0;
  const projects = await write.query<Row & { id: number; owner: string }>(
    'select id, owner from imaging.projects order by id limit 100',
  );
  const files: NewFile[] = [];
  const rows: { path: string; name: string; width: number; height: number; regions: unknown; added_by: string }[] = [];
  for (const { id, owner } of projects) {
    for await (const { name, contentType, width, height, bytes, regions } of drawCells({ count: EACH, seed: id })) {
      const { key, size, sha256 } = await store.put(bytes, { limitBytes: LIMIT_BYTES });
      const path = `${id}/${name}`;
      files.push({
        path,
        contentType,
        size,
        sha256,
        storageKey: key,
        metadata: { width, height },
        bucket: BUCKET,
        owner,
        visibility: 'private',
      });
      rows.push({ path, name, width, height, regions, added_by: owner });
    }
  }
  const registry = createFileRegistry(write);
  await write.transaction(async (tx) => {
    await registry.insert(tx, files);
    await tx.query(
      `insert into imaging.images (project_id, file_id, name, width, height, regions, added_by)
       select split_part(r.path, '/', 1)::integer, f.id, r.name, r.width, r.height, r.regions, r.added_by
         from jsonb_to_recordset($1::jsonb) as r (path text, name text, width integer, height integer, regions jsonb, added_by text)
         join tidemark.files f on f.bucket = '${BUCKET}' and f.path = r.path order by r.path`,
      [JSON.stringify(rows)],
    );
  });
  return files.length;
}
