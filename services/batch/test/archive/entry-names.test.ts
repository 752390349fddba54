import fc from 'fast-check';
import t from 'tap';
import { createEntryNames } from '../../src/archive/entry-names.ts';

t.test('makes names safe on every system', async (t) => {
  const name = (path: string) => createEntryNames().next(path);
  t.equal(name('a/b.txt'), 'a/b.txt');
  t.equal(name('/../../etc/passwd'), 'etc/passwd');
  t.equal(name('..\\..\\boot.ini'), '.._.._boot.ini');
  t.equal(name('C:/x?.txt'), 'C_/x_.txt');
  t.equal(name('con.txt'), '_con.txt');
  t.equal(name('dots... '), 'dots');
  t.equal(name('..'), 'file');
  t.equal(name('naïve/日本語.png'), 'naïve/日本語.png');
  t.equal(name('e\u0301.txt'), 'é.txt', 'NFC');
  t.equal(name('txt.\u202egpj.exe'), 'txt._gpj.exe', 'no characters that turn the direction of text');
  t.ok(Buffer.byteLength(name(`${'ö'.repeat(400)}.jpeg`)) <= 255);
  t.match(name(`${'ö'.repeat(400)}.jpeg`), /ö\.jpeg$/);
});

t.test('keeps names apart that differ only in case, or in form, or are files and folders', async (t) => {
  const names = createEntryNames(['manifest.ndjson']);
  const made = ['a.txt', 'A.TXT', 'a (2).txt', 'MANIFEST.ndjson', 'x', 'x/y', 'straße', 'STRASSE', 'x_/z', 'x_'].map(
    (path) => names.next(path),
  );
  t.same(made.slice(0, 4), ['a.txt', 'A (2).TXT', 'a (2) (2).txt', 'MANIFEST (2).ndjson']);
  t.equal(new Set(made.map((name) => name.toUpperCase())).size, made.length);
  t.equal(made[5], 'x_/y', 'a folder cannot have the name of a file');
  t.not(made[9], 'x_', 'nor a file that of a folder');
});

t.test('names of any paths are relative, unique when case is ignored, and without empty parts', (t) => {
  const part = fc.oneof(
    fc.constantFrom('a', 'A', '..', '.', '', 'con', 'a (2)', 'b.', '\\', 'x:y'),
    fc.string({ unit: 'grapheme' }),
  );
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
      const names = createEntryNames();
      const made = paths.map((one) => names.next(one));
      const folded = made.map((name) => name.toLowerCase());
      const folders = new Set(
        folded.flatMap((name) => [...name.matchAll(/\//g)].map(({ index }) => name.slice(0, index))),
      );
      return (
        new Set(folded).size === folded.length &&
        folded.every((name) => !folders.has(name)) &&
        made.every((name) =>
          name.split('/').every((one) => one !== '' && one !== '.' && one !== '..' && !/[\\:\0]/.test(one)),
        )
      );
    }),
  );
  t.end();
});
