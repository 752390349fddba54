import t from 'tap';
import { heapRules } from '../../src/health/rules/heap.ts';
import type { SystemState } from '../../src/health/system-state.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { createHistory } from '../../src/history/history.ts';
import { telemetry } from '../telemetry-example.ts';

const MB = 1024 ** 2;
const LIMIT = 500 * MB;

/** Evaluates the rules after `seconds` of heap use, one value a second. */
function findingsAfter(seconds: number, useAt: (second: number) => number) {
  const history = createHistory({ ticks: 120, maxBytes: 1e6 });
  for (let second = 0; second <= seconds; second++) {
    history.tick(second * 1_000, new Map([['process.heap@gateway/gateway-1', useAt(second)]]));
  }
  const { process } = telemetry();
  const live = [
    {
      key: 'gateway/gateway-1',
      telemetry: telemetry({ process: { ...process, heapLimitBytes: LIMIT } }),
      rates: undefined,
      receivedAt: 0,
    },
  ];
  return [
    ...heapRules({ live, history, thresholds: DEFAULT_THRESHOLDS, now: seconds * 1_000 } as unknown as SystemState),
  ];
}
/** Garbage of up to 150 MB, which a collection removes every seven seconds. */
const garbage = (second: number) => (second % 7) * 25 * MB;

t.test('a leak of 5 MB a second is found after a minute, below all garbage, with the time that is left', async (t) => {
  const use = (second: number) => 60 * MB + second * 5 * MB + garbage(second);
  t.same(findingsAfter(50, use), [], 'half of the window tells nothing');
  t.match(findingsAfter(65, use), [
    { rule: 'heap.leak', subject: 'gateway/gateway-1', message: /[45]\.\d MiB a second .* full in/ },
  ]);
});

t.test('garbage alone is no leak, and neither is a cache that has filled', async (t) => {
  t.same(
    findingsAfter(100, (second) => 100 * MB + garbage(second)),
    [],
  );
  t.same(
    findingsAfter(100, (second) => 100 * MB + Math.min(second, 50) * 3 * MB),
    [],
  );
});

t.test('a heap that keeps over 80 % of its limit for a minute is full', async (t) => {
  t.match(
    findingsAfter(70, () => 420 * MB),
    [{ rule: 'heap.full', message: /420\.0 MiB of its heap/ }],
  );
  t.same(
    findingsAfter(70, (second) => (second === 65 ? 300 * MB : 420 * MB)),
    [],
    'a collection has shown that it was garbage',
  );
});
