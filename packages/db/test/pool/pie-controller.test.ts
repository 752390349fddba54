/** A queue with a fixed service rate, in simulated time, against loads of all sizes. */
import fc from 'fast-check';
import t from 'tap';
import { PieController, ServiceRate } from '../../src/pool/pie-controller.ts';

interface Outcome {
  served: number;
  refused: number;
  /** ms, of those served in the second half. */
  waits: number[];
}

/** First come, first served; `load` is offered / capacity; runs for `ms`. */
function simulate(targetMs: number, perSecond: number, load: number, ms: number, random: () => number): Outcome {
  const control = new PieController(targetMs, 0);
  const rate = new ServiceRate();
  const queue: number[] = [];
  const outcome: Outcome = { served: 0, refused: 0, waits: [] };
  let arrivals = 0;
  let services = 0;
  for (let now = 1; now <= ms; now += 1) {
    arrivals += (perSecond * load) / 1_000;
    services += perSecond / 1_000;
    for (; arrivals >= 1; arrivals -= 1) {
      control.update(rate.delayMs(queue.length, now - (queue[0] ?? now)), now);
      if (control.refuses(random())) outcome.refused += 1;
      else queue.push(now);
    }
    for (; services >= 1; services -= 1) {
      const since = queue.shift();
      if (since === undefined) continue;
      rate.flushed(queue.length, now);
      outcome.served += 1;
      if (now > ms / 2) outcome.waits.push(now - since);
    }
  }
  return outcome;
}

t.test('under any overload the delay settles around the target, and the server is never idle', async (t) => {
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (const target of [100, 250, 500]) {
    for (const perSecond of [100, 1_000, 10_000]) {
      for (const load of [1.3, 3, 5, 10]) {
        const ms = 10_000;
        const { served, waits } = simulate(target, perSecond, load, ms, random);
        waits.sort((a, b) => a - b);
        const p99 = waits[Math.floor(waits.length * 0.99)] as number;
        t.ok(p99 < 2.5 * target, `target ${target}, ${perSecond}/s × ${load}: p99 of waiting ${p99} ms`);
        t.ok(served > 0.95 * perSecond * (ms / 1_000), `and ${served} served`);
      }
    }
  }
});

t.test('refuses no request below capacity', async (t) => {
  for (const load of [0.2, 0.9, 0.99]) t.equal(simulate(250, 1_000, load, 5_000, Math.random).refused, 0);
});

t.test('admits a burst, and stops refusing when the load ends', async (t) => {
  const control = new PieController(250, 0);
  control.update(120, 20);
  t.equal(control.refuses(0), false, 'below half of the target');
  for (let now = 40; now < 2_000; now += 20) control.update(2_000, now);
  t.equal(control.refuses(0.9), true);
  control.update(0, 2_020);
  t.equal(control.refuses(0), false);
});

t.test('keeps the probability in its bounds', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 5_000 }))),
      (steps) => {
        const control = new PieController(250, 0);
        let now = 0;
        for (const [delay, pause] of steps) {
          now += pause;
          control.update(delay, now);
          if (!(control.probability >= 0 && control.probability <= 0.98)) return false;
        }
        return true;
      },
    ),
  );
});
