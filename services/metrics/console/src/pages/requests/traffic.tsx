import { merged, useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { shortLabel } from '../../parts/labels.ts';
import type { Line } from '../../parts/line.ts';
import { Panel } from '../../parts/panel.tsx';

const SERIES = ['http.requests@gateway/*', 'http.p50@gateway/*', 'http.p99@gateway/*', 'reads.*'];

export function Traffic() {
  const series = useSeries(SERIES);
  const requests = series.of('http.requests').map(({ label, values }) => ({ label: shortLabel(label), values }));
  const p50 = series.of('http.p50');
  const latency = series.of('http.p99').flatMap(({ label, values }, colour): Line[] => {
    const half = p50.find((one) => one.label === label);
    return [
      { label: `${shortLabel(label)} p99`, values, colour },
      ...(half ? [{ label: `${shortLabel(label)} p50`, values: half.values, colour, dashed: true }] : []),
    ];
  });
  const reads = ['cache', 'replica', 'primary'].map((from) => ({
    label: from,
    values: merged(series.of(`reads.${from}`), 'sum'),
  }));
  const from = { at: series.at, problem: series.problem, maxMs: 90_000 };
  return (
    <>
      <Panel id="requests-chart" title="Requests" from={from}>
        <Chart title="By gateway" series={series} lines={requests} unit="perSecond" />
      </Panel>
      <Panel id="latency-chart" title="Latency" from={from}>
        <Chart title="By gateway, over a minute" series={series} lines={latency} unit="ms" />
      </Panel>
      <Panel id="reads-chart" title="Reads" from={from}>
        <Chart title="By where they were answered" series={series} lines={reads} unit="perSecond" />
      </Panel>
    </>
  );
}
