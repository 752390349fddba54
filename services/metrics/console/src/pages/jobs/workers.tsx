import { useTopic } from '../../live/session.ts';
import { useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures, Meter } from '../../parts/figures.tsx';
import { shortLabel } from '../../parts/labels.ts';
import { Empty, Panel } from '../../parts/panel.tsx';

const SERIES = ['workers.items@*'];

export function Workers() {
  const received = useTopic('path');
  const batch = received?.value.batch;
  const series = useSeries(SERIES);
  const lines = series.of('workers.items').map(({ label, values }) => ({ label: shortLabel(label), values }));
  return (
    <Panel id="workers" title="Worker threads" from={{ at: received?.at }}>
      {batch?.live === 0 && (
        <Empty>
          No batch instance reports itself, so jobs wait. <code>npm start</code> starts one.
        </Empty>
      )}
      <Figures>
        <Figure name="Busy" value={batch?.busy} unit="count" of={batch?.threads ? `/ ${batch.threads}` : ''} />
        <Figure name="Items" value={batch?.itemsPerSecond} unit="perSecond" />
      </Figures>
      {batch?.threads ? (
        <Meter share={(batch.busy ?? 0) / batch.threads} label="Share of the threads that are busy" />
      ) : null}
      <Chart small title="Items by instance" series={series} lines={lines} unit="perSecond" />
    </Panel>
  );
}
