/** Text that breaks out of quotes, ends lists, or is no text at all. */
import fc, { type Arbitrary } from 'fast-check';

const BREAKOUTS = [
  ...[
    "'; select vault.canary(); --",
    "' || vault.canary() || '",
    '"; select vault.canary(); --',
    '") , vault.canary() as x from ("',
  ],
  ...[
    '1); select vault.canary(); --',
    '(select vault.canary())',
    'vault.canary()',
    '$1',
    '$$',
    '$q$',
    "\\'; select vault.canary(); --",
  ],
  ...[
    "E'\\\\'",
    '/*',
    '*/ ; select vault.canary(); /*',
    '--',
    ';',
    "''",
    '""',
    '\\',
    '%',
    '%00',
    '\u0000',
    '\u2019',
    '\u02bc; select 1',
  ],
  ...[
    '"',
    "'",
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ',',
    '.',
    ':',
    '::',
    '->',
    '->>',
    '!',
    '*',
    '...',
    '&',
    '=',
    '?',
    '#',
    '+',
    ' ',
    '\n',
    '\t',
  ],
  ...[
    'null',
    'true',
    'NaN',
    '-1',
    '0',
    '1e309',
    '9223372036854775808',
    '99999999999999999999',
    '1/0',
    "now()'",
    'infinity',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'é', '日本', '👩‍👩‍👧', '\ud800', 'x'.repeat(300)],
];
export const text: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...BREAKOUTS) },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(...BREAKOUTS), { maxLength: 4 }).map((parts) => parts.join('')) },
);
/** Returns mostly `good` values; else salted or arbitrary text. */
export const near = (...good: string[]): Arbitrary<string> => {
  const one = fc.constantFrom(...good);
  return fc.oneof(
    { weight: 40, arbitrary: one },
    { weight: 1, arbitrary: text },
    { weight: 1, arbitrary: fc.tuple(one, text).map(([a, b]) => a + b) },
    { weight: 1, arbitrary: fc.tuple(text, one).map(([a, b]) => a + b) },
  );
};
export const list = (item: Arbitrary<string>, maxLength = 4, separator = ','): Arbitrary<string> =>
  fc.array(item, { maxLength }).map((items) => items.join(separator));
