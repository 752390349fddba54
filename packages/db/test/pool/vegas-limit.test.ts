import fc from 'fast-check';
import t from 'tap';
import { initialLimit, type LimitState, type LimitWindow, nextLimit, queued } from '../../src/pool/vegas-limit.ts';

const BOUNDS = { floor: 4, max: 50 };
const WINDOW_MS = 250;
const window = (over: Partial<LimitWindow> = {}): LimitWindow => ({
  at: 0,
  elapsedMs: WINDOW_MS,
  completed: 100,
  heldMs: 1_000,
  saturated: true,
  ...over,
});
const state = (over: Partial<LimitState> = {}): LimitState => ({
  ...initialLimit(50),
  baselineMs: 10,
  probeAt: 9_999,
  ...over,
});

t.test('computes each step of the limit', async (t) => {
  const cases: [what: string, LimitState, LimitWindow, Partial<LimitState>][] = [
    ['no queue: one more, and a tenth', state({ limit: 20 }), window(), { limit: 23 }],
    ['never over max', state({ limit: 49 }), window(), { limit: 50 }],
    ['a queue between α and β: as it is', state({ limit: 20 }), window({ heldMs: 1_300 }), { limit: 20 }],
    ['a long queue: at most a fifth less', state({ limit: 40 }), window({ heldMs: 9_000 }), { limit: 32 }],
    ['never under the floor', state({ limit: 4.4 }), window({ heldMs: 9_000 }), { limit: 4 }],
    [
      'a cut that changed nothing: there was no queue',
      state({ limit: 10, cutFrom: { limit: 20, meanMs: 50 } }),
      window({ heldMs: 5_000 }),
      { baselineMs: 50, limit: 12 },
    ],
    ['a probe is due', state({ limit: 20, probeAt: 5 }), window({ at: 10 }), { limit: 10, probing: 20 }],
    [
      'a probe has measured',
      state({ limit: 10, probing: 20 }),
      window({ heldMs: 800 }),
      { limit: 20, probing: undefined, baselineMs: 8 },
    ],
    [
      'light load: the limit stays, its mean counts for a part',
      state({ limit: 20 }),
      window({ saturated: false, heldMs: 2_000 }),
      { limit: 20, baselineMs: 12 },
    ],
    [
      'not saturated, yet half in use: says nothing',
      state({ limit: 6 }),
      window({ saturated: false, heldMs: 2_000 }),
      { limit: 6, baselineMs: 10 },
    ],
  ];
  for (const [what, before, seen, after] of cases) t.match(nextLimit(before, seen, BOUNDS), after, what);
  t.equal(queued(20, 10, 22), 10);
});

/** A server with so many processors: more statements than that wait in it. */
interface Server {
  cores: number;
  serviceMs: number;
}

function run(server: Server, steps: number, from: LimitState, startAt: number, noise: () => number) {
  let now = from;
  const limits: number[] = [];
  let done = 0;
  for (let step = 0; step < steps; step++) {
    const n = Math.floor(now.limit);
    const meanMs = server.serviceMs * Math.max(1, n / server.cores) * noise();
    const completed = Math.max(10, Math.round((n / meanMs) * WINDOW_MS));
    const at = startAt + step * WINDOW_MS;
    now = nextLimit(now, window({ at, completed, heldMs: completed * meanMs }), BOUNDS);
    limits.push(now.probing ?? now.limit);
    done += Math.min(n, server.cores) / server.serviceMs;
  }
  const best = (Math.min(BOUNDS.max, server.cores) / server.serviceMs) * steps;
  return { state: now, limits, throughput: done / best };
}

/** 0.9 … 1.1, from a seed. */
function noiseOf(seed: number): () => number {
  let x = seed;
  return () => {
    x = (x * 1_103_515_245 + 12_345) % 2 ** 31;
    return 0.9 + (0.2 * x) / 2 ** 31;
  };
}

const server = fc.record({
  cores: fc.integer({ min: 1, max: 64 }),
  serviceMs: fc.double({ min: 0.5, max: 50, noNaN: true }),
});

t.test('reaches the throughput of any server with a short queue, and stays there', async (t) => {
  fc.assert(
    fc.property(server, fc.integer({ min: 1, max: 1e9 }), (server, seed) => {
      const settled = run(server, 60, initialLimit(BOUNDS.max), 0, noiseOf(seed));
      const { limits, throughput } = run(server, 200, settled.state, 60 * WINDOW_MS, noiseOf(seed + 1));
      const useful = Math.min(BOUNDS.max, server.cores);
      const mean = limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
      const spread = Math.sqrt(limits.reduce((sum, limit) => sum + (limit - mean) ** 2, 0) / limits.length);
      return throughput >= 0.95 && mean <= 1.3 * useful + 10 && spread <= 0.35 * mean + 1;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('adapts when the statements or the server change', async (t) => {
  fc.assert(
    fc.property(server, server, fc.integer({ min: 1, max: 1e9 }), (first, second, seed) => {
      const before = run(first, 100, initialLimit(BOUNDS.max), 0, noiseOf(seed));
      // Twenty seconds.
      const changed = run(second, 80, before.state, 100 * WINDOW_MS, noiseOf(seed + 1));
      const after = run(second, 100, changed.state, 180 * WINDOW_MS, noiseOf(seed + 2));
      return after.throughput >= 0.95;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('stays between its bounds for any measurement', async (t) => {
  const any = fc.record({
    at: fc.integer({ min: 0, max: 1e6 }),
    elapsedMs: fc.integer({ min: 1, max: 1e5 }),
    completed: fc.integer({ min: 10, max: 1e5 }),
    heldMs: fc.double({ min: 0.001, max: 1e8, noNaN: true }),
    saturated: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 100 }), (windows) => {
      let now = initialLimit(BOUNDS.max);
      for (const one of windows) {
        now = nextLimit(now, one, BOUNDS);
        if (!(now.limit >= BOUNDS.floor && now.limit <= BOUNDS.max)) return false;
      }
      return true;
    }),
  );
  t.pass();
});
