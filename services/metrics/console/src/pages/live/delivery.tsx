import { useTopic } from '../../live/session.ts';
import { useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { shortLabel } from '../../parts/labels.ts';
import { Panel } from '../../parts/panel.tsx';

const SERIES = ['sockets.*', 'relay.*'];

export function Delivery() {
  const series = useSeries(SERIES);
  const path = useTopic('path')?.value;
  const lines = (figure: string) =>
    series.of(figure).map(({ label, values }) => ({ label: shortLabel(label), values }));
  const relay = path?.relay;
  return (
    <Panel
      id="delivery"
      title="From commit to screen"
      wide
      from={{ at: series.at, problem: series.problem, maxMs: 90_000 }}
      note={relay ? `${relay.instance} runs the relay` : path && 'no relay is active'}
    >
      <Figures>
        <Figure name="Sockets" value={path?.realtime.sockets} unit="count" />
        <Figure name="Sent" value={path?.realtime.deliveriesPerSecond} unit="perSecond" />
        <Figure name="To screen, p99" value={path?.realtime.deliveryP99Ms} unit="ms" />
        <Figure name="Relayed" value={relay?.changesPerSecond} unit="perSecond" />
        <Figure name="Relay behind" value={relay?.lagBytes} unit="bytes" />
      </Figures>
      {relay?.lastError && <p class="problem">Last error of the relay: {relay.lastError}</p>}
      <div class="charts">
        <Chart small title="Commit to screen, p99" series={series} lines={lines('sockets.delivery_p99')} unit="ms" />
        <Chart small title="Changes sent" series={series} lines={lines('sockets.deliveries')} unit="perSecond" />
        <Chart small title="Waiting for slow sockets" series={series} lines={lines('sockets.buffered')} unit="bytes" />
        <Chart small title="Relay behind" series={series} lines={lines('relay.lag')} unit="bytes" />
      </div>
    </Panel>
  );
}
