import fc from 'fast-check';
import t from 'tap';
import { SharedRoom } from '../../src/limits/shared-room.ts';

t.test('a share binds only while over half of the room is taken', (t) => {
  const room = new SharedRoom(100, 20);
  room.add('ada', 45);
  t.equal(room.refuses('ada', 5), undefined, 'up to half, one may have it all');
  t.equal(room.refuses('ada', 6), 'share');
  t.equal(room.refuses('bob', 30), undefined, 'one that has nothing is not refused for its share');
  room.add('bob', 1);
  t.equal(room.refuses('bob', 19), undefined);
  t.equal(room.refuses('bob', 20), 'share');
  room.remove('bob', 1);
  t.equal(room.refuses('bob', 60), 'full');
  room.remove('ada', 45);
  t.equal(room.refuses('ada', 50), undefined);
  t.end();
});

t.test('never over the limit, and nobody is refused for another’s share', (t) => {
  const step = fc.record({
    who: fc.constantFrom('ada', 'bob', 'cyd'),
    size: fc.integer({ min: 1, max: 30 }),
    add: fc.boolean(),
  });
  const holds = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const room = new SharedRoom(100, 30);
    const held: { who: string; size: number }[] = [];
    for (const { who, size, add } of steps) {
      const own = held.filter((one) => one.who === who).reduce((sum, one) => sum + one.size, 0);
      if (!add) {
        const given = held.shift();
        if (given) room.remove(given.who, given.size);
        continue;
      }
      const refusal = room.refuses(who, size);
      if (refusal === 'share' && (own === 0 || own + size <= room.share)) return false;
      if (refusal !== undefined) continue;
      room.add(who, size);
      held.push({ who, size });
      if (room.used > 100 || room.used !== held.reduce((sum, one) => sum + one.size, 0)) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(holds));
  t.end();
});
