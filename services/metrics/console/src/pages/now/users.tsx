import { rangeOf } from '../../address/range.ts';
import { Link, useAddress } from '../../address/router.tsx';
import { useTopic } from '../../live/session.ts';
import { merged, useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Panel } from '../../parts/panel.tsx';

/** Percentiles of all instances together are kept for an hour; beyond, the highest of the instances counts. */
const MERGED_S = 3_600;
const MERGED = { p99: 'latency.p99@gateway', delivery: 'latency.p99@realtime/delivery' };
const HIGHEST = { p99: 'http.p99@gateway/*', delivery: 'sockets.delivery_p99@*' };

/** Shows what users notice, with the events of the time as vertical lines. */
export function Users() {
  const isMerged = rangeOf(useAddress().params).seconds <= MERGED_S;
  const { p99, delivery } = isMerged ? MERGED : HIGHEST;
  const series = useSeries(['http.requests@gateway/*', 'http.errors@gateway/*', p99, delivery]);
  const events = useTopic('events')?.value ?? [];
  const marks = events.map(({ at }) => at);
  const line = (pattern: string, how: 'sum' | 'max', colour: number) => {
    const [figure = '', label = ''] = pattern.replace('*', '').split('@');
    const all = series.of(figure, label);
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
        <Chart {...common} title="Requests" lines={line('http.requests@', 'sum', 0)} unit="perSecond" />
        <Chart {...common} title="p99" lines={line(p99, 'max', 1)} unit="ms" />
        <Chart {...common} title="Failed, 5xx" lines={line('http.errors@', 'sum', 4)} unit="perSecond" />
        <Chart {...common} title="Commit to screen, p99" lines={line(delivery, 'max', 2)} unit="ms" />
      </div>
    </Panel>
  );
}
