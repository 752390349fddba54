/** The cost of filters: expensive ones are detected at compile time, and no filter takes longer than its steps allow. */
import fc from 'fast-check';
import t from 'tap';
import { lowerFold, lowerOf } from '../../src/evaluate/text.ts';
import { compileFilter, parseQuery, stepsAt } from '../../src/index.ts';

const TYPES = {
  id: 'int8',
  minute: 'int4',
  price: 'numeric',
  at: 'timestamptz',
  body: { type: 'text', collation: 'C.UTF-8' },
};
const compile = (search: string) => {
  const compiled = compileFilter(parseQuery(search).where, TYPES, { timeZone: 'UTC' });
  if (!compiled.supported) throw new TypeError(JSON.stringify(compiled.problems));
  return compiled;
};
/** Steps for a row with texts of 1,000 characters. */
const steps = (search: string) => stepsAt(compile(search).cost, 1_000);

t.test('common filters are cheap, and filters built to be slow are expensive', async (t) => {
  for (const search of [
    'id=eq.7',
    'minute=gt.5&minute=lt.9',
    'body=eq.goal',
    'at=gt.2026-01-01T00:00:00Z',
    'body=like.*goal*',
  ])
    t.ok(steps(search) <= 200, `${search}: ${steps(search)}`);
  t.ok(steps('body=ilike.*goal*') < 500);
  t.ok(steps('body=match.^(goal|penalty)') < 50_000);
  t.ok(steps('body=match..{0,255}.{0,255}.{0,255}Z') > 1_500_000);
  t.ok(steps('body=match.((a{0,30}){0,30})b') > 900_000, 'bounds inside bounds multiply');
  t.ok(steps(`body=like.*${'a'.repeat(5_000)}b*`) > 40_000, 'a long run that may almost match everywhere');
  t.ok(steps(`body=match.[${'aceg'.repeat(1_000)}]`) > 500_000, 'a bracket of many ranges');
  t.ok(steps(`body=like(any).{${Array.from({ length: 500 }, (_, n) => `%25${n}_%25`).join(',')}}`) > 900_000);
  const many = Array.from({ length: 400 }, (_, n) => `price.gt.${n}`).join(',');
  t.ok(steps(`or=(${many})`) > 400 * 20, 'each member of a group');
  t.ok(compile(`id=in.(${Array.from({ length: 5_000 }, (_, n) => n).join(',')})`).cost.held > 5_000);
});

t.test('matching takes no longer than the steps allow', async (t) => {
  const hostile = [
    'body=match.(a|a)*b',
    'body=match..{0,20}.{0,20}Z',
    'body=match.(a*)(a*)(a*)b',
    `body=like.*${'a'.repeat(200)}b*`,
    `body=like.*${'a_'.repeat(100)}b*`,
    `body=ilike.*${'a'.repeat(200)}b*`,
    `body=match.[${'aceg'.repeat(100)}]{30}Z`,
  ];
  for (const search of hostile) {
    const { test, cost } = compile(search);
    // The number of rows makes the time measurable; the bound is 10 times that of a step.
    const length = Math.max(1_000, Math.round(200_000 / Math.max(...Object.values(cost.perCharacter))));
    const row = { body: 'a'.repeat(length) };
    let best = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 5; n += 1) {
      const began = performance.now();
      test(row);
      best = Math.min(best, performance.now() - began);
    }
    const allowed = stepsAt(cost, length) * 200e-6 + 1;
    t.ok(
      best < allowed,
      `${search.slice(0, 40)} over ${length} characters: ${best.toFixed(2)} of ${allowed.toFixed(2)} ms`,
    );
  }
});

t.test('folding the case of a text equals folding its characters one by one', async () => {
  const fold = lowerFold('c-utf8');
  const character = fc.oneof(
    fc.constantFrom('Σ', 'σ', 'ς', 'İ', 'I', 'ı', 'A', 'ẞ', '\u0307', '.', ' ', '\u00ad', '𐐀'),
    fc
      .integer({ min: 0x20, max: 0x2ffff })
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code)),
  );
  fc.assert(
    fc.property(fc.array(character, { maxLength: 12 }), (characters) => {
      const text = characters.join('');
      return fold?.(text) === [...text].map(lowerOf).join('');
    }),
    { numRuns: 3_000 },
  );
});
