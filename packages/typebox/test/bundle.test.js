import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const ENTRIES = ['', '/compile', '/format', '/value'];

t.test('each entry has what the published one has', async (t) => {
  for (const entry of ENTRIES) {
    const [bundled, published] = [await import(`typebox${entry}`), await import(`typebox-as-published${entry}`)];
    t.same(Object.keys(bundled).sort(), Object.keys(published).sort(), `typebox${entry}`);
    t.same(
      Object.keys(bundled.default).sort(),
      Object.keys(published.default).sort(),
      `the default of typebox${entry}`,
    );
  }
  t.ok(readdirSync(join(import.meta.dirname, '..', 'dist')).length <= 2 * ENTRIES.length, 'in a handful of files');
});

t.test('the entries share what they are made of', async (t) => {
  const { Type } = await import('typebox');
  const { Compile } = await import('typebox/compile');
  const { default: Format } = await import('typebox/format');
  const { Value } = await import('typebox/value');
  Format.Set('even', (text) => Number(text) % 2 === 0);
  t.teardown(() => Format.Clear());
  const schema = Type.Object({ count: Type.Integer({ minimum: 1 }), even: Type.String({ format: 'even' }) });
  const check = Compile(schema);
  t.ok(check.Check({ count: 1, even: '2' }));
  t.notOk(check.Check({ count: 1, even: '3' }), 'a format that is set in one entry is known in the others');
  t.ok(Value.Check(schema, { count: 1, even: '2' }));
  t.notOk(Value.Check(schema, { count: 0, even: '2' }));
});
