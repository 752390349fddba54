import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Empty, Panel } from '../../parts/panel.tsx';
import { format } from '../../quantities.tsx';
import { meanParts, PartsLegend, type Record, TimeSplit } from './parts-of-time.tsx';
import { useRoutes } from './routes.tsx';

const MAX_RECORDS = 200;

/** One route: its figures now, where the time of its slow requests goes, and who called it. */
export function RouteDetail({ route, table }: { route: string; table: string | null }) {
  const routes = useRoutes();
  const query = new URLSearchParams({ route, limit: String(MAX_RECORDS), ...(table && { table }) });
  const records = useAnswer<{ requests: Record[] }>(`requests?${query}`);
  const now = routes.value?.routes.find((one) => one.route === route && one.table === table);
  const series = useSeries(['latency.p50', 'latency.p99'].map((figure) => `${figure}@gateway/${route}`));
  const lines = ['p50', 'p99'].flatMap((name) =>
    series.of(`latency.${name}`).map(({ values }) => ({ label: name, values })),
  );
  const all = records.value?.requests ?? [];
  const mean = meanParts(all);
  return (
    <Panel
      id="route"
      title={table === null ? route : `${route} · ${table}`}
      wide
      from={routes}
      note={
        table !== null && (
          <Link page="queries" params={{ filter: table }}>
            statements of {table} ▸
          </Link>
        )
      }
    >
      {!now && routes.value && <Empty>No request of it was answered in the last seconds.</Empty>}
      {now && (
        <Figures>
          <Figure name="Rate" value={now.requests / 10} unit="perSecond" />
          <Figure name="p99" value={now.p99Ms} unit="ms" />
          <Figure name="p99, last hour" value={now.hourP99Ms} unit="ms" />
          <Figure name="Failed" value={now.serverErrors} unit="count" tone={now.serverErrors > 0 ? 'bad' : undefined} />
          <Figure name="Refused" value={now.refused} unit="count" tone={now.refused > 0 ? 'warn' : undefined} />
        </Figures>
      )}
      {lines.length > 0 && <Chart small title="Latency, of all tables" series={series} lines={lines} unit="ms" />}
      {mean && (
        <>
          <h3>Where the time of its {all.length} kept requests went, on average</h3>
          <TimeSplit parts={mean} />
          <PartsLegend />
          <p class="hint">{callersOf(all)}</p>
        </>
      )}
    </Panel>
  );
}

const MAX_CALLERS = 5;

function callersOf(records: readonly Record[]): string {
  const counts = new Map<string, number>();
  for (const { role, identity } of records) {
    const caller = identity === null ? (role ?? 'no role') : `${role} ${identity}`;
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  const callers = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MAX_CALLERS);
  return `Callers: ${callers.map(([caller, count]) => `${caller} ${format(count / records.length, 'percent')}`).join(', ')}`;
}
