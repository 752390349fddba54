/** Writes files into one ZIP, a piece at a time. */
import { FileInputs } from '@tidemark/contracts';
import { Type } from 'typebox';
import { archiveEntries } from '../archive/archive-files.ts';
import { zipStream } from '../archive/zip-stream.ts';
import { fileSource } from './file-source.ts';
import { defineKind } from './job-kind.ts';
import { singleItem } from './single-item.ts';

/** A day. */
const MAX_MS = 86_400_000;

export default defineKind({
  name: 'archive',
  version: 1,
  spec: Type.Object(
    {
      input: FileInputs,
      name: Type.Optional(
        Type.String({
          pattern: '^[^/\\u0000-\\u001f]{1,100}$',
          default: 'archive',
          description: 'name of the file, without its extension',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: MAX_MS, isWholeJob: true },
  runsOn: 'main',
  usesDatabase: true,
  async source(context) {
    // A list with a file that the job may not read fails before any work is done.
    await fileSource(context, null, 1);
    return singleItem();
  },
  cost: () => 0,
  async run(_item, context) {
    const { input, name = 'archive' } = context.spec;
    const counts = { files: 0, bytes: 0 };
    const zip = zipStream(archiveEntries(context.database!, input, counts), context.signal);
    try {
      const stored = await context.store(zip, { contentType: 'application/zip', extension: 'zip', name });
      const { files, bytes } = counts;
      return { files: [stored], value: { files, bytes, archiveBytes: stored.size, sha256: stored.sha256 } };
    } finally {
      zip.destroy();
    }
  },
});
