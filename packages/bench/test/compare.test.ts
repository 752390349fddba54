import t from 'tap';
import { compareReports } from '../src/compare.ts';

const report = (perSecond: number, got: string) => ({
  results: [
    { scenario: 'reads', contenders: [{ name: 'tidemark', perSecond, p50Ms: 2 }] },
    { trial: 'idle', findings: [{ what: 'memory', expected: '≤ 450 MB', got, ok: true }] },
  ],
});

t.test('names the figures that differ by more than a tenth, the largest difference first', async (t) => {
  t.same(compareReports(report(1_000, '400 MB'), report(1_050, '410 MB')), []);
  t.same(compareReports(report(1_000, '400 MB'), report(800, '600 MB')), [
    '    +50 %  idle · memory: 400 → 600',
    '    -20 %  reads · tidemark · perSecond: 1000 → 800',
  ]);
});

t.test('tells what the new run lacks', async (t) => {
  t.match(compareReports(report(1, '1 MB'), { results: [] }), [
    /missing {2}reads · tidemark · perSecond/,
    /p50Ms/,
    /idle · memory/,
  ]);
});
