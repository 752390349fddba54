import type { ScenarioResult } from './run-scenario.ts';

const COLUMNS = ',req/s,p50 ms,p99 ms,µs cpu/req,busy,rss MB,errors,ratio (min–max),target'.split(',');
const known = (value: number | null, digits: number) => (value === null ? '?' : value.toFixed(digits));

export function report({ title, connections, contenders, ratios, problem }: ScenarioResult): string {
  const rows = contenders.map((contender) => {
    const ratio = ratios.find(({ to }) => to === contender.name);
    return [
      contender.name,
      contender.perSecond.toFixed(0),
      contender.p50Ms.toFixed(2),
      contender.p99Ms.toFixed(2),
      known(contender.cpuMicros, 0),
      contender.busy === null ? '?' : `${(contender.busy * 100).toFixed(0)} %`,
      known(contender.rssBytes === null ? null : contender.rssBytes / 1024 ** 2, 0),
      String(contender.errors),
      ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '',
      ratio?.target == null ? '' : `${ratio.target} ${ratio.median >= ratio.target ? 'reached' : 'missed'}`,
    ];
  });
  return [
    `${title} · ${connections} connections`,
    ...table([COLUMNS, ...rows]),
    ...contenders.filter(({ errors }) => errors > 0).map(({ name, firstError }) => `! ${name}: ${firstError}`),
    ...(problem === null ? [] : [`! ${problem}`]),
    '',
  ].join('\n');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
}
