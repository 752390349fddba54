/** Runs every example against the blueprint that `npm start` loads. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { startBackend } from './backend.ts';

const folder = join(import.meta.dirname, '..', 'examples');

const OUTPUTS: Record<string, RegExp> = {
  '1-read-your-write.mjs': /read back: \[ \{ message: 'written at .*' \} \]\nat least as new as \w+-[0-9A-F]{16}/,
  '2-live-query.mjs': /\d+ rows\ninsert \{ id: \d+, message: 'a change' \}/,
  '3-kept-array.mjs': /\d+ rows after insert/,
  '4-files.mjs': /part: hello\nsigned until 20.*\/api\/v1\/files\//,
  '5-channel.mjs': /the laptop heard \{[^}]*event: 'draft'[\s\S]*present: \[ 'laptop', 'phone' \]/,
};

t.test('every example prints its output', async (t) => {
  const numbered = (await readdir(folder)).filter((name) => /^\d/.test(name)).sort();
  t.same(numbered, Object.keys(OUTPUTS));
  const backend = await startBackend('matches');
  t.teardown(() => backend.stop());
  const env = {
    ...process.env,
    TIDEMARK_URL: backend.url,
    TIDEMARK_TOKEN: await backend.token('00000000-0000-4000-8000-000000000001'),
  };
  for (const name of numbered) {
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, name)], { env, timeout: 30_000 });
    t.match(stdout, OUTPUTS[name], name);
  }
});
