import { Link } from '../../address/router.tsx';
import { useTopic } from '../../live/session.ts';
import { merged, useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Panel } from '../../parts/panel.tsx';

const SERIES = ['http.requests@gateway/*', 'http.p99@gateway/*', 'http.errors@gateway/*', 'sockets.delivery_p99@*'];

/** Shows what users notice, with the events of the time as vertical lines. */
export function Users() {
  const series = useSeries(SERIES);
  const events = useTopic('events')?.value ?? [];
  const marks = events.map(({ at }) => at);
  const line = (figure: string, how: 'sum' | 'max', colour: number) => {
    const all = series.of(figure);
    return all.length === 0 ? [] : [{ label: '', values: merged(all, how), colour }];
  };
  const common = { series, marks, small: true };
  return (
    <Panel
      id="users"
      title="Users"
      wide
      from={{ at: series.at, problem: series.problem, maxMs: 90_000 }}
      note={<Link page="requests">by route ▸</Link>}
    >
      <div class="charts">
        <Chart {...common} title="Requests" lines={line('http.requests', 'sum', 0)} unit="perSecond" />
        <Chart {...common} title="p99, the slowest gateway" lines={line('http.p99', 'max', 1)} unit="ms" />
        <Chart {...common} title="Failed, 5xx" lines={line('http.errors', 'sum', 4)} unit="perSecond" />
        <Chart {...common} title="Commit to screen, p99" lines={line('sockets.delivery_p99', 'max', 2)} unit="ms" />
      </div>
    </Panel>
  );
}
