import fc from 'fast-check';
import t from 'tap';
import { chooseRange } from '../../../../src/routes/files/download/byte-range.ts';

t.test('chooses the bytes of every form of range, in ten bytes and in none', async (t) => {
  for (const [header, ten, none] of [
    [undefined, 'whole', 'whole'],
    ['bytes=0-0', '0-0', 'no'],
    ['bytes=2-5', '2-5', 'no'],
    ['bytes=2-', '2-9', 'no'],
    ['bytes=-3', '7-9', 'no'],
    ['bytes=-30', '0-9', 'no'],
    ['bytes=-0', 'no', 'no'],
    ['bytes=9-99', '9-9', 'no'],
    ['bytes=10-', 'no', 'no'],
    ['bytes=10-12', 'no', 'no'],
    ['bytes=99999999999999999999999-', 'no', 'no'],
    ['bytes=0-99999999999999999999999', '0-9', 'no'],
    ['Bytes=0-1', '0-1', 'no'],
    ['bytes=5-2', 'whole', 'whole'],
    ['bytes=-', 'whole', 'whole'],
    ['bytes=', 'whole', 'whole'],
    ['bytes=0-1,3-4', 'whole', 'whole'],
    ['items=0-1', 'whole', 'whole'],
    ['bytes=a-b', 'whole', 'whole'],
    ['bytes=0x1-2', 'whole', 'whole'],
    ['', 'whole', 'whole'],
  ] as const) {
    t.equal(shown(header, 10), ten, `${header} of 10`);
    t.equal(shown(header, 0), none, `${header} of 0`);
  }
});

t.test('any header gives a range inside the file', async () => {
  const number = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n }).map(String), fc.constant(''));
  const header = fc.oneof(
    fc.string(),
    fc.tuple(number, number).map(([a, b]) => `bytes=${a}-${b}`),
    fc.string({ unit: fc.constantFrom(...'bytes=0129-, ') }),
  );
  fc.assert(
    fc.property(header, fc.nat(), (text, size) => {
      const range = chooseRange(text, size);
      return (
        range.kind !== 'part' ||
        (Number.isSafeInteger(range.start) && range.start >= 0 && range.start <= range.end && range.end < size)
      );
    }),
    { numRuns: 5_000 },
  );
});

function shown(header: string | undefined, size: number): string {
  const range = chooseRange(header, size);
  return range.kind === 'part' ? `${range.start}-${range.end}` : range.kind === 'whole' ? 'whole' : 'no';
}
