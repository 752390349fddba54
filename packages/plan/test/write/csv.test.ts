import t from 'tap';
import { parseCsv } from '../../src/write/csv.ts';

t.test('reads a header line and rows, with quoted and unquoted fields', (t) => {
  t.same([...parseCsv('a,b\n1,"2"\n', 2).rows], [{ a: '1', b: '2' }]);
  const rows = [
    { a: null, b: 'NULL' },
    { a: 'x,"y"', b: '' },
  ];
  t.same([...parseCsv('a,b\r\nNULL,"NULL"\r\n"x,""y""",', 2).rows], rows);
  t.end();
});

t.test('a byte order mark is no part of the first name', (t) => {
  t.same(parseCsv('\ufeffa,b\n1,2', 2).names, ['a', 'b']);
  t.same(parseCsv('\ufeff"a",b', 2).names, ['a', 'b']);
  t.end();
});

t.test('refuses lines of another length and quoted fields that do not end', (t) => {
  for (const text of ['', 'a,b\n1', 'a\n"x', 'a\n"x"y', 'a,b,c\n', 'a,a\n1,2']) {
    t.throws(() => [...parseCsv(text, 2).rows], { code: 'PGRST102' }, JSON.stringify(text));
  }
  t.end();
});
