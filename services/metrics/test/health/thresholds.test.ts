import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DEFAULT_THRESHOLDS, loadThresholds } from '../../src/health/thresholds.ts';

t.test('a file changes some limits, and a mistake in it is named', async (t) => {
  const path = join(t.testdir(), 'thresholds.json');
  const load = (text: string) => {
    writeFileSync(path, text);
    return loadThresholds(path);
  };
  t.same(loadThresholds(''), DEFAULT_THRESHOLDS);
  t.same(load('{"poolWaitMs":250}'), { ...DEFAULT_THRESHOLDS, poolWaitMs: 250 });
  for (const [text, message] of [
    ['{"poolWaitS":1}', /there is no poolWaitS; there are poolWaitMs/],
    ['{"heapShare":"much"}', /heapShare is "much"/],
    ['[]', /not a JSON object/],
    ['{', /JSON/],
  ] as const) {
    t.throws(() => load(text), { code: 'METRICS_THRESHOLDS', message }, text);
  }
  t.throws(() => loadThresholds('/nowhere'), { code: 'METRICS_THRESHOLDS', message: /ENOENT/ });
});
