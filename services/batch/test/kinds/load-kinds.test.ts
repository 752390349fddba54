import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadKinds } from '../../src/kinds/load-kinds.ts';

const WORD_COUNT = fileURLToPath(new URL('../../examples/word-count.js', import.meta.url));

t.test('loads the built-in kinds and those of the files that are named', async (t) => {
  const own = [...(await loadKinds('')).keys()];
  for (const name of ['archive', 'export', 'image.transform', 'noop', 'report.aggregate'])
    t.ok(own.includes(name), name);
  const kinds = await loadKinds(path.join(path.dirname(WORD_COUNT), 'word-*.js'));
  t.same([...kinds.keys()], [...own, 'word.count']);
  t.equal(kinds.get('word.count')?.validator.Check({ files: [] }), false);
});

t.test('refuses a file that is no kind, and says what is wrong with it', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-kinds-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const noop = `name: 'noop', version: 1, spec: {}, item: { input: 'value', keepsSuccesses: true }, limits: { itemMs: 1 }, runsOn: 'main'`;
  const bad = {
    'empty.mjs': ['', /default export/],
    'syntax.mjs': ['export default {', /./],
    'version.mjs': [`export default { ${noop.replace('version: 1', "version: 'x'")} }`, /\/version/],
    'source.mjs': [`export default { ${noop.replace("'noop'", "'other'")} }`, /no function source/],
    'twin.mjs': [`export default { ${noop}, source() {}, cost() {}, run() {} }`, /"noop", too/],
  } as const;
  for (const [name, [text, message]] of Object.entries(bad)) {
    const file = path.join(folder, name);
    await writeFile(file, text);
    await t.rejects(loadKinds(file), { code: 'BATCH_INVALID_KIND', message }, name);
  }
  await t.rejects(loadKinds(path.join(folder, 'absent-*.js')), { code: 'BATCH_INVALID_KIND', message: /absent/ });
});
