import { readFileSync } from 'node:fs';
import t from 'tap';
import { errors, postgrest } from '../src/errors.ts';

t.test('the README lists every error code, and no other', async (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^\| `([A-Z0-9_]+)` *\| [0-9]{3} *\|/gm)].map((match) => match[1]!);
  const defined = [...Object.keys(postgrest), ...Object.keys(errors).map((name) => `QUERY_${name}`)];
  t.same(listed.sort(), defined.sort());
});
