import fc from 'fast-check';
import t from 'tap';
import { parseNodeText } from '../../src/policies/node-text.ts';

const NODE = `{OPEXPR :opno 98 :opresulttype 16 :args ({VAR :varno 1 :nulls (b)} {CONST :constisnull false :constvalue 5 [ 20 0 0 0 -97 ]}) :name ("=") :alias a\\ b\\{ :resname :opno :list <>}`;

t.test('parses nodes, lists, names and bytes', async (t) => {
  const node = parseNodeText(NODE) as unknown as { tag: string; fields: Map<string, unknown> };
  t.equal(node.tag, 'OPEXPR');
  t.equal(node.fields.get('opno'), '98');
  t.same(node.fields.get('name'), ['"="']);
  t.equal(node.fields.get('alias'), 'a b{', 'a bracket in a name is no bracket');
  t.equal(node.fields.get('resname'), ':opno', 'a name is no field, whatever it is');
  t.equal(node.fields.get('list'), null);
  const [column, constant] = node.fields.get('args') as { fields: Map<string, unknown> }[];
  t.same(column?.fields.get('nulls'), ['b']);
  t.same(constant?.fields.get('constvalue'), { bytes: [20, 0, 0, 0, 159] });
});

t.test('returns undefined for text that is not a node tree', async (t) => {
  for (const text of [
    '',
    '{',
    '}',
    ')',
    '{A',
    '{A :b}',
    '{A b 1}',
    '{A :b 1 :b 2}',
    '{A :b 1} x',
    '{a :b 1}',
    '{A :constvalue 4 [ 1 2}',
  ])
    t.equal(parseNodeText(text), undefined, text);
  t.equal(parseNodeText('('.repeat(100_000)), undefined, 'too deep');
  t.equal(parseNodeText(`{A :b ${'1'.repeat(4_000_001)}}`), undefined, 'too long');
  fc.assert(
    fc.property(fc.nat(NODE.length), fc.nat(20), fc.string(), (at, length, text) => {
      parseNodeText(NODE.slice(0, at) + text + NODE.slice(at + length));
    }),
  );
});
