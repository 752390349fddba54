import { Chart, type Line } from '../parts/chart.tsx';
import { Figure, Figures } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { instancesOf, linesOf, maxOf, type View } from '../view.ts';

export function Latency({ view }: { view: View }) {
  const gateways = instancesOf(view, 'gateway');
  const p99 = linesOf(view, 'http.p99', 'gateway/');
  const p50 = linesOf(view, 'http.p50', 'gateway/');
  const lines = p99.flatMap((line, colour): Line[] => {
    const half = p50.find(({ label }) => label === line.label);
    return [
      { ...line, label: `${line.label} p99`, colour },
      ...(half ? [{ ...half, label: `${line.label} p50`, colour, dashed: true }] : []),
    ];
  });
  const of = (read: (http: NonNullable<(typeof gateways)[number]['http']>) => number) =>
    maxOf(gateways.map(({ http }) => http && read(http)));
  return (
    <Panel id="latency" title="Latency" note="over the last minute; the slowest gateway">
      {lines.length === 0 ? (
        <Empty>No gateway has answered requests yet.</Empty>
      ) : (
        <>
          <Figures>
            <Figure name="p50" value={of((http) => http.p50Ms)} unit="ms" />
            <Figure name="p95" value={of((http) => http.p95Ms)} unit="ms" />
            <Figure name="p99" value={of((http) => http.p99Ms)} unit="ms" />
          </Figures>
          <Chart title="Latency by gateway" times={view.recent.times()} lines={lines} unit="ms" />
        </>
      )}
    </Panel>
  );
}
