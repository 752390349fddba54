import t from 'tap';
import { whenWalMoves } from '../src/open-catalog.ts';

t.test('the catalog is not looked at while nothing is written', (t) => {
  let position: bigint | undefined = 1n;
  let checks = 0;
  const look = whenWalMoves(
    () => position,
    () => ++checks,
  );
  const looks = (count: number) => {
    checks = 0;
    for (let n = 0; n < count; n++) look();
    return checks;
  };
  t.equal(looks(5), 2, 'once more at the same position: a commit is visible a moment after its record is there');
  t.equal(looks(5), 0);
  position = 2n;
  t.equal(looks(5), 2, 'it was written');
  position = undefined;
  t.equal(looks(5), 5, 'nobody tells whether something was written');
  t.end();
});

t.test('a commit that becomes visible late is noticed without new WAL', (t) => {
  let checks = 0;
  const look = whenWalMoves(
    () => 1n,
    () => ++checks,
    0,
  );
  for (let n = 0; n < 5; n++) look();
  t.equal(checks, 5);
  t.end();
});
