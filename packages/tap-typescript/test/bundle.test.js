import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { resolve } from '../src/bundle.js';

const contracts = createRequire(new URL('../../contracts/package.json', import.meta.url));
const next = async (specifier) => ({ url: pathToFileURL(contracts.resolve(specifier)).href, format: 'module' });
const bundled = async (specifier) => (await resolve(specifier, {}, next)).url;

t.test('every entry of typebox is a file of one bundle', async (t) => {
  const { exports } = contracts('./node_modules/typebox/package.json');
  for (const entry of Object.keys(exports)) {
    const url = await bundled(`typebox${entry.slice(1)}`);
    t.match(url, /\/\.cache\/typebox-[\d.]+\/[a-z]+\.mjs$/, entry);
    t.ok(existsSync(new URL(url)), entry);
  }
});

t.test('the entries share what they are made of', async (t) => {
  const { Type } = await import(await bundled('typebox'));
  const { Compile } = await import(await bundled('typebox/compile'));
  const type = await import(await bundled('typebox/type'));
  t.equal(type.Object, Type.Object);
  const check = Compile(Type.Object({ count: Type.Integer({ minimum: 1 }) }));
  t.ok(check.Check({ count: 1 }));
  t.notOk(check.Check({ count: 0 }));
});

t.test('whatever else is asked for is where it was', async (t) => {
  for (const specifier of ['node:fs', './typebox.js', 'typebox-else', '@fastify/typebox']) {
    const found = { url: 'file:///elsewhere.js' };
    t.equal(await resolve(specifier, {}, async () => found), found);
  }
});
