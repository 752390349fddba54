import t from 'tap';
import { inlineParams } from '../../src/stream/inline-params.ts';

t.test('replaces parameters by literals, and nothing else', async (t) => {
  const params = ["o'clock", 'back\\slash', null, 5];
  const cases: [string, string][] = [
    ['select $1', "select  'o''clock' "],
    ['a=$2::text', "a=  E'back\\\\slash' ::text"],
    ['$3,$4', " null , '5' "],
    [`'$1' "$2" e'\\'$3' $$ $1 $$ $x$ $1 $$ $x$ a$1 -- $1`, `'$1' "$2" e'\\'$3' $$ $1 $$ $x$ $1 $$ $x$ a$1 -- $1`],
    ['/* $1 /* $2 */ $3 */ $4', "/* $1 /* $2 */ $3 */  '5' "],
  ];
  for (const [given, expected] of cases) t.equal(inlineParams({ text: given, params }), expected);
  t.throws(() => inlineParams({ text: '$5', params }), { code: 'DB_INVALID_PARAMETER' });
  t.throws(() => inlineParams({ text: '$1', params: ['\0'] }), { code: 'DB_INVALID_PARAMETER' });
});
