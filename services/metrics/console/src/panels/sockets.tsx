import { Chart } from '../parts/chart.tsx';
import { Figure, Figures } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { instancesOf, linesOf, maxOf, sumOf, type View } from '../view.ts';

export function Sockets({ view }: { view: View }) {
  const sockets = instancesOf(view, 'realtime').flatMap(({ sockets }) => sockets ?? []);
  const sum = (read: (one: (typeof sockets)[number]) => number) => sockets.reduce((all, one) => all + read(one), 0);
  return (
    <Panel id="sockets" title="Live subscriptions">
      {sockets.length === 0 ? (
        <Empty>
          No realtime instance reports itself. <code>npm start</code> starts one; clients connect to <code>/live</code>.
        </Empty>
      ) : (
        <>
          <Figures>
            <Figure name="Sockets" value={sum(({ open }) => open)} unit="count" />
            <Figure name="Subscriptions" value={sum(({ subscriptions }) => subscriptions)} unit="count" />
            <Figure name="Deliveries" value={sumOf(view, 'sockets.deliveries')} unit="perSecond" />
            <Figure name="Delivery p99" value={maxOf(sockets.map(({ deliveryP99Ms }) => deliveryP99Ms))} unit="ms" />
            <Figure name="Buffered" value={sum(({ bufferedBytes }) => bufferedBytes)} unit="bytes" />
            <Figure name="Resyncs" value={sum(({ resyncsTotal }) => resyncsTotal)} unit="count" />
          </Figures>
          <Chart
            title="Deliveries by instance"
            times={view.recent.times()}
            lines={linesOf(view, 'sockets.deliveries')}
            unit="perSecond"
          />
        </>
      )}
    </Panel>
  );
}
