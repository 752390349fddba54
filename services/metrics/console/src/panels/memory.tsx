import { Chart } from '../parts/chart.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { linesOf, type View } from '../view.ts';

export function Memory({ view }: { view: View }) {
  const times = view.recent.times();
  const memory = linesOf(view, 'process.rss');
  return (
    <Panel id="memory" title="Memory and event loop">
      {memory.length === 0 ? (
        <Empty>No instance reports itself yet; each publishes its figures on NATS once a second.</Empty>
      ) : (
        <>
          <Chart title="Resident memory" times={times} lines={memory} unit="bytes" />
          <Chart title="Event loop delay p99" times={times} lines={linesOf(view, 'process.loop_p99')} unit="ms" />
        </>
      )}
    </Panel>
  );
}
