import t from 'tap';
import { trafficRules } from '../../src/health/rules/traffic.ts';
import type { SystemState } from '../../src/health/system-state.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { createHistory } from '../../src/history/history.ts';
import { telemetry } from '../telemetry-example.ts';

/** Evaluates the rules after `last` s of 100 requests a second, of which `failed(second)` fail. */
function findingsOf(failed: (second: number) => number, last = 400) {
  const history = createHistory({ ticks: 3_600, maxBytes: 1e6 });
  for (let second = 0; second <= last; second++) {
    const samples = { 'http.requests@gateway/gateway-1': 100, 'http.errors@gateway/gateway-1': failed(second) };
    history.tick(second * 1_000, new Map(Object.entries(samples)));
  }
  const live = [{ key: 'gateway/gateway-1', telemetry: telemetry(), rates: undefined, receivedAt: 0 }];
  return [...trafficRules({ live, history, thresholds: DEFAULT_THRESHOLDS } as unknown as SystemState)];
}

t.test('finds errors that are too rare for one second, and forgets them 30 s after the last one', async (t) => {
  t.match(
    findingsOf((second) => Number(second % 5 === 0)),
    [{ rule: 'requests.failing', message: /answered 60 requests of the last 5 minutes with 5xx, 0\.20 %/ }],
  );
  t.same(
    findingsOf((second) => Number(second % 20 === 0)),
    [],
    'fifteen errors may be chance',
  );
  t.same(
    findingsOf((second) => Number(second < 360 && second % 5 === 0)),
    [],
    'it is over',
  );
});

t.test('a burst of errors that an hour of good service outweighs is no finding', async (t) => {
  const burst = (second: number) => Number(second >= 3_300 && second % 5 === 0);
  t.same(findingsOf(burst, 3_599), [], '60 of 30,000 in five minutes, and of 360,000 in the hour');
  t.match(
    findingsOf((second) => Number(second % 5 === 0), 3_599),
    [{ message: /and 0\.20 % of the last hour/ }],
  );
});
