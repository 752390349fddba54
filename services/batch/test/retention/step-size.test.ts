import t from 'tap';
import { FIRST_ROWS, nextRows } from '../../src/retention/step-size.ts';

t.test('steps of the retention shrink while their statements take long, and grow while they are short', async (t) => {
  /** Follows steps of which each row takes `msPerRow`. */
  const settled = (msPerRow: number) => {
    const sizes = [FIRST_ROWS];
    for (let n = 0; n < 40; n += 1) sizes.push(nextRows(sizes.at(-1)!, sizes.at(-1)! * msPerRow));
    return sizes.at(-1)!;
  };
  t.equal(settled(0.001), 2_000, 'at most so many');
  t.ok(settled(0.1) * 0.1 <= 25 && settled(0.1) * 0.1 >= 10, `${settled(0.1)} rows of 0.1 ms`);
  t.equal(settled(100), 10, 'it goes on, however slow the disk is');
});
