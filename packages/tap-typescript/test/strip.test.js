import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { load } from '../src/strip.js';

const MODULE = `interface Shape {
  side: number;
}
export const area = (shape: Shape): number => shape.side ** 2;
export const where = new Error('here').stack as string;
`;

async function written(t, text) {
  const file = join(t.testdir({}), 'module.ts');
  await writeFile(file, text);
  return pathToFileURL(file).href;
}

const next = (url) => ({ next: url });

t.test('types become spaces: each line and column stays', async (t) => {
  const url = await written(t, MODULE);
  const { format, source } = await load(url, {}, next);
  t.equal(format, 'module');
  const lines = source.split('\n');
  t.equal(lines[3].indexOf('shape.side'), MODULE.split('\n')[3].indexOf('shape.side'));
  t.notMatch(source, /interface|number|as string/);
  const { area, where } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  t.equal(area({ side: 3 }), 9);
  t.match(where, /:5:22/);
});

t.test('the second time it is what was kept, until the module changes', async (t) => {
  const url = await written(t, MODULE);
  const first = await load(url, {}, next);
  t.same(await load(url, {}, next), first);
  await writeFile(new URL(url), 'export const changed: boolean = true;\n');
  t.match((await load(url, {}, next)).source, /changed {9} *= true/);
});

t.test('what is more than types is refused, with the place', async (t) => {
  const url = await written(t, 'export enum Side { Left }\n');
  await t.rejects(load(url, {}, next), { name: 'SyntaxError', message: /module\.ts.*enum Side/ });
});

t.test('other modules go to the next loader', async (t) => {
  for (const url of ['node:fs', 'file:///a.js', 'file:///a.ts.mjs', 'data:text/javascript,1']) {
    t.same(await load(url, {}, next), { next: url });
  }
});
