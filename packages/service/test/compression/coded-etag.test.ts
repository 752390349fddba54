import t from 'tap';
import { codedEtag, matchedEtag, plainEtag } from '../../src/index.ts';

const match = (held: string, accepted?: string) =>
  matchedEtag(
    { headers: { 'if-none-match': held, ...(accepted === undefined ? {} : { 'accept-encoding': accepted }) } },
    '"x"',
  );

t.test('codedEtag() returns a different ETag for each coding', async (t) => {
  t.equal(codedEtag('"x"', 'gzip'), '"x+gzip"');
  t.equal(codedEtag('"x"', undefined), '"x"');
  t.equal(codedEtag('W/"x"', 'gzip'), 'W/"x"');
  t.equal(plainEtag('"x+br"'), '"x"');
});

t.test('If-None-Match matches the plain ETag and those of codings that the client accepts', async (t) => {
  t.equal(match('"y", "x+gzip"', 'gzip'), '"x+gzip"');
  t.equal(match('W/"x"', 'gzip'), '"x"');
  t.equal(match('"x+br"', 'gzip'), undefined);
  t.equal(match('"x+br"', 'gzip, *;q=0.1'), '"x+br"');
  t.equal(match('"x+gzip"'), undefined);
  t.equal(match('*', 'gzip'), '"x+gzip"');
  t.equal(match('"y"', 'gzip'), undefined);
});
