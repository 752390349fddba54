import t from 'tap';
import { trafficRules } from '../../src/health/rules/traffic.ts';
import type { SystemState } from '../../src/health/system-state.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { createHistory } from '../../src/history/history.ts';
import { telemetry } from '../telemetry-example.ts';

/** Evaluates the rules after 400 s of 100 requests a second, of which `failed(second)` fail. */
function findingsOf(failed: (second: number) => number) {
  const history = createHistory({ ticks: 500, maxBytes: 1e6 });
  for (let second = 0; second <= 400; second++) {
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
