/** Puts each entry of typebox that is used here into one file; what they share is in another. Nothing of it is changed. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const dir = join(import.meta.dirname, '..', 'dist');
const published = (entry) => fileURLToPath(import.meta.resolve(`typebox-as-published${entry}`));

await rm(dir, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    index: published(''),
    compile: published('/compile'),
    format: published('/format'),
    value: published('/value'),
  },
  platform: 'node',
});
await bundle.write({ dir, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'shared-[hash].js' });
await bundle.close();
