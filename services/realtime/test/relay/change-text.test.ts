import fc from 'fast-check';
import t from 'tap';
import { changeText, cutChangeText } from '../../src/relay/change-text.ts';
import { TEXT } from '../../src/relay/json-text.ts';
import type { RelationPlan } from '../../src/relay/type-catalog.ts';

const NAMES = ['id', 'a', 'b', 'c'];
const plan = {
  relation: { columns: NAMES.map((name) => ({ name, identity: true, typeOid: 25, typeModifier: -1 })) },
  key: ['id'],
  members: NAMES.map((name) => `"${name}":`),
  types: NAMES.map(() => TEXT),
  inexact: [],
} as unknown as RelationPlan;

t.test('cuts a change to fit, keeps its key, and names the missing columns', async () => {
  const value = fc.oneof(fc.constant(null), fc.string({ maxLength: 400 }));
  const tuple = fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), value, value, value);
  fc.assert(
    fc.property(tuple, tuple, fc.integer({ min: 250, max: 900 }), (row, old, room) => {
      const message = { tag: 'update' as const, oid: 1, key: undefined, old, row };
      const text = cutChangeText(plan, message, 7, room);
      const whole = JSON.parse(changeText(plan, message, 7));
      const found = JSON.parse(text);
      const cut: string[] = found.cut ?? [];
      const left = (image: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(image).filter(([name]) => !cut.includes(name)));
      const isRight = JSON.stringify([found.row, found.old]) === JSON.stringify([left(whole.row), left(whole.old)]);
      const isNeeded = cut.length === 0 || Buffer.byteLength(changeText(plan, message, 7)) > room;
      return isRight && isNeeded && Buffer.byteLength(text) <= room && !cut.includes('id');
    }),
    { numRuns: 500 },
  );
});
