/** Results as lines for people. */
import type { ScenarioResult } from './run.ts';

const COLUMNS = [
  '',
  'req/s',
  'p50 ms',
  'p99 ms',
  'µs cpu/req',
  'busy',
  'rss MB',
  'errors',
  'ratio (least–most)',
  'target',
];
const known = (value: number | null, digits: number) => (value === null ? '?' : value.toFixed(digits));

export function report(result: ScenarioResult): string {
  const rows = result.contestants.map((contestant) => {
    const ratio = result.ratios.find(({ to }) => to === contestant.name);
    return [
      contestant.name,
      contestant.perSecond.toFixed(0),
      contestant.p50Ms.toFixed(2),
      contestant.p99Ms.toFixed(2),
      known(contestant.cpuMicros, 0),
      contestant.busy === null ? '?' : `${(contestant.busy * 100).toFixed(0)} %`,
      known(contestant.rssBytes === null ? null : contestant.rssBytes / 1024 ** 2, 0),
      String(contestant.errors),
      ratio ? `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}–${ratio.most.toFixed(2)})` : '',
      ratio?.target == null ? '' : `${ratio.target} ${ratio.median >= ratio.target ? 'reached' : 'missed'}`,
    ];
  });
  const lines = table([COLUMNS, ...rows]);
  const wrong = result.contestants.filter(({ errors }) => errors > 0);
  return [
    `${result.title} · ${result.connections} connections`,
    ...lines,
    ...wrong.map(({ name, firstError }) => `! ${name}: ${firstError}`),
    ...(result.problem === null ? [] : [`! ${result.problem}`]),
    '',
  ].join('\n');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
}
