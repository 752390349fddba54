/** Results as lines for people. */
import type { ScenarioResult } from './run-scenario.ts';

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
  const rows = result.contenders.map((contender) => {
    const ratio = result.ratios.find(({ to }) => to === contender.name);
    return [
      contender.name,
      contender.perSecond.toFixed(0),
      contender.p50Ms.toFixed(2),
      contender.p99Ms.toFixed(2),
      known(contender.cpuMicros, 0),
      contender.busy === null ? '?' : `${(contender.busy * 100).toFixed(0)} %`,
      known(contender.rssBytes === null ? null : contender.rssBytes / 1024 ** 2, 0),
      String(contender.errors),
      ratio ? `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}–${ratio.most.toFixed(2)})` : '',
      ratio?.target == null ? '' : `${ratio.target} ${ratio.median >= ratio.target ? 'reached' : 'missed'}`,
    ];
  });
  const lines = table([COLUMNS, ...rows]);
  const wrong = result.contenders.filter(({ errors }) => errors > 0);
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
