import { Chart } from '../parts/chart.tsx';
import { Figure, Figures } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { instancesOf, linesOf, sumOf, type View } from '../view.ts';

export function Requests({ view }: { view: View }) {
  const gateways = instancesOf(view, 'gateway');
  const lines = linesOf(view, 'http.requests', 'gateway/');
  const errors = sumOf(view, 'http.errors', 'gateway/');
  return (
    <Panel id="requests" title="Requests">
      {gateways.length === 0 && lines.length === 0 ? (
        <Empty>
          No gateway reports itself. <code>npm start</code> starts one; it must use the NATS_URL and NATS_PREFIX of this
          service.
        </Empty>
      ) : (
        <>
          <Figures>
            <Figure name="All" value={sumOf(view, 'http.requests', 'gateway/')} unit="perSecond" />
            <Figure name="Errors" value={errors} unit="perSecond" tone={errors ? 'bad' : undefined} />
            <Figure name="In flight" value={sumOf(view, 'http.in_flight', 'gateway/')} unit="count" />
            <Figure name="From cache" value={sumOf(view, 'reads.cache')} unit="perSecond" />
            <Figure name="From replicas" value={sumOf(view, 'reads.replica')} unit="perSecond" />
            <Figure name="From primary" value={sumOf(view, 'reads.primary')} unit="perSecond" />
          </Figures>
          <Chart title="Requests by gateway" times={view.recent.times()} lines={lines} unit="perSecond" />
        </>
      )}
    </Panel>
  );
}
