import { Chart } from '../parts/chart.tsx';
import { Figure, Figures, Meter } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { instancesOf, linesOf, maxOf, sumOf, type View } from '../view.ts';

export function Batch({ view }: { view: View }) {
  const workers = instancesOf(view, 'batch').flatMap(({ workers }) => workers ?? []);
  const sum = (read: (one: (typeof workers)[number]) => number) => workers.reduce((all, one) => all + read(one), 0);
  const threads = sum((one) => one.threads);
  const busy = sum((one) => one.busy);
  const failed = sum((one) => one.chunksFailedTotal);
  const queue = view.health.nats.streams.find(({ name }) => name.endsWith('WORK'));
  return (
    <Panel id="batch" title="Batch workers">
      {workers.length === 0 ? (
        <Empty>
          No batch instance reports itself, so jobs wait. <code>npm start</code> starts one.
        </Empty>
      ) : (
        <>
          <Figures>
            <Figure name="Threads busy" value={busy} unit="count" of={`/ ${threads}`} />
            <Figure name="Items" value={sumOf(view, 'workers.items')} unit="perSecond" />
            <Figure name="Chunks" value={sumOf(view, 'workers.chunks')} unit="perSecond" />
            <Figure name="Queue" value={queue?.messages} unit="count" of="chunks" />
            <Figure name="Item p99" value={maxOf(workers.map(({ itemP99Ms }) => itemP99Ms))} unit="ms" />
            <Figure name="Failed chunks" value={failed} unit="count" tone={failed > 0 ? 'warn' : undefined} />
          </Figures>
          <Meter share={threads ? busy / threads : 0} label="Share of threads that are busy" />
          <Chart
            title="Items by instance"
            times={view.recent.times()}
            lines={linesOf(view, 'workers.items')}
            unit="perSecond"
          />
        </>
      )}
    </Panel>
  );
}
