import fc from 'fast-check';
import t from 'tap';
import { SharedLimit } from '../../src/index.ts';

t.test('one identity may fill half of a limit, and beyond it only its share', async (t) => {
  const limit = new SharedLimit(100, 10);
  t.equal(limit.take('greedy', 50), undefined, 'up to half, one may have it all');
  t.same(limit.take('greedy', 1), { where: 'share', wanted: 51, limit: 10 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) t.equal(limit.take(name, 10), undefined, name);
  t.same(limit.take('f', 1), { where: 'instance', wanted: 101, limit: 100 });
  t.equal(limit.refusedTotal, 2);
  limit.give('greedy', 45);
  t.equal(limit.take('greedy', 5), undefined, 'up to its share');
  t.same([limit.used, limit.usedBy('greedy'), limit.identities], [60, 10, 6]);
});

t.test('an identity that holds nothing is never refused for its share', async (t) => {
  const limit = new SharedLimit(100, 1);
  limit.add('ada', 60);
  t.equal(limit.take('bob', 30), undefined, 'more than its share of 1');
  t.same(limit.take('bob', 1), { where: 'share', wanted: 31, limit: 1 });
  t.equal(limit.take('ada', 0), undefined, 'nothing is never too much');
});

t.test('ten thousand clients behind one address get in below half of the limit', async (t) => {
  const sockets = new SharedLimit(20_000, 5);
  for (let n = 0; n < 10_000; n += 1) {
    if (sockets.take('@office') !== undefined) t.bailout('an office was locked out');
  }
  t.match(sockets.take('@office'), { where: 'share' });
  for (let n = 0; n < 1_000; n += 1) if (sockets.take('@attacker') !== undefined) t.bailout('too early');
  t.match(sockets.take('@attacker'), { where: 'share', limit: 1_000 });
  t.equal(sockets.refuses('@somebody'), undefined);
  sockets.give('@attacker');
  t.equal(sockets.refuses('@attacker'), undefined);
});

t.test('one identity may have two of three places', async (t) => {
  const limit = new SharedLimit(3, 12.5);
  t.same([limit.take('ada'), limit.take('ada')], [undefined, undefined]);
  t.match(limit.take('ada'), { where: 'share', limit: 1 });
  t.equal(limit.take('bob'), undefined);
});

t.test('reset() replaces the counts', async (t) => {
  const limit = new SharedLimit(100, 10);
  limit.add('ada', 5);
  limit.reset(70, [['bob', 20]]);
  t.same([limit.used, limit.usedBy('ada'), limit.usedBy('bob')], [70, 0, 20]);
  t.match(limit.take('bob'), { where: 'share' });
  limit.give('ada', 5);
  t.equal(limit.used, 70, 'ada’s 5 are not in the new sum');
});

/** The same rules over a list of who took what, slowly: `told` are the identities that may be held to a share. */
class Model {
  readonly held = new Map<string, number>();
  readonly #told = new Set<string>();

  get used(): number {
    return [...this.held.values()].reduce((sum, amount) => sum + amount, 0);
  }

  isTold(who: string): boolean {
    return this.#told.has(who);
  }

  add(who: string, amount: number, most: number): void {
    if (amount === 0) return;
    const hasUntold = [...this.held.keys()].some((other) => !this.#told.has(other));
    if (!this.held.has(who) && !hasUntold && this.#told.size < most) this.#told.add(who);
    this.held.set(who, (this.held.get(who) ?? 0) + amount);
  }

  give(who: string, amount: number): void {
    const left = (this.held.get(who) ?? 0) - amount;
    if (left > 0) this.held.set(who, left);
    else {
      this.held.delete(who);
      this.#told.delete(who);
    }
  }

  /** Why `amount` more is refused. */
  refuses(who: string, amount: number, limit: number, share: number): string | undefined {
    if (amount === 0) return undefined;
    const used = this.used + amount;
    if (used > limit) return 'instance';
    const own = this.isTold(who) ? (this.held.get(who) as number) : 0;
    return used > Math.ceil(limit / 2) && own > 0 && own + amount > share ? 'share' : undefined;
  }
}

t.test('any sequence of takes, moves and returns keeps exact sums within the limit', async () => {
  const identity = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.record({
    what: fc.constantFrom('take', 'take', 'give', 'move'),
    who: identity,
    to: identity,
    amount: fc.nat(40),
  });
  const parts = {
    limit: fc.integer({ min: 1, max: 100 }),
    percent: fc.integer({ min: 1, max: 100 }),
    most: fc.integer({ min: 1, max: 6 }),
    steps: fc.array(step, { maxLength: 200 }),
  };
  fc.assert(
    fc.property(fc.record(parts), ({ limit, percent, most, steps }) => {
      const shared = new SharedLimit(limit, percent, most);
      const model = new Model();
      let refusals = 0;
      for (const { what, who, to, amount } of steps) {
        if (what === 'take') {
          const expected = model.refuses(who, amount, limit, shared.share);
          if (shared.take(who, amount)?.where !== expected) return false;
          if (expected === undefined) model.add(who, amount, most);
          else refusals += 1;
        } else {
          const given = Math.min(amount, model.held.get(who) ?? 0);
          model.give(who, given);
          if (what === 'give') shared.give(who, given);
          else {
            const expected = model.refuses(to, given, limit, shared.share);
            if (shared.move(who, to, given)?.where !== expected) return false;
            model.add(expected === undefined ? to : who, given, most);
            if (expected !== undefined) refusals += 1;
          }
        }
        if (shared.used !== model.used || shared.used < 0 || shared.used > limit) return false;
        if (shared.identities > most || shared.refusedTotal !== refusals) return false;
        for (const name of ['a', 'b', 'c', 'd', 'e']) {
          if (shared.usedBy(name) !== (model.isTold(name) ? model.held.get(name) : 0)) return false;
        }
      }
      for (const [name, amount] of model.held) shared.give(name, amount);
      return shared.used === 0 && shared.identities === 0;
    }),
    { numRuns: 500 },
  );
});

t.test('giving back more than was taken creates no room', async (t) => {
  const limit = new SharedLimit(10, 50);
  limit.take('ada', 3);
  limit.give('bob', 3);
  t.equal(limit.used, 3);
  limit.give('ada', 30);
  t.same([limit.used, limit.identities], [0, 0]);
});
