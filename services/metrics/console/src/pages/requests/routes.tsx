import type { RouteTraffic } from '../../../../src/traffic/traffic-history.ts';
import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';

export interface RoutesAnswer {
  at: number;
  windowMs: number;
  routes: RouteTraffic[];
}

const keyOfRoute = ({ route, table }: { route: string; table: string | null }) => `${route} ${table ?? ''}`;
export const useRoutes = () => useAnswer<RoutesAnswer>('requests/routes', { everyMs: 5_000 });

const WINDOW_S = 10;
const errorsOf = ({ sqlStates }: RouteTraffic) =>
  Object.entries(sqlStates)
    .map(([state, count]) => `${count} × ${state}…`)
    .join(', ');

const COLUMNS: Column<RouteTraffic>[] = [
  {
    head: 'Route',
    rowHeader: true,
    grow: true,
    cell: ({ route, table }) => (
      <Link page="requests" params={{ route, table: table ?? undefined }} row title={route}>
        {route}
      </Link>
    ),
  },
  {
    head: 'Table or function',
    cell: ({ table }) =>
      table === null ? (
        ''
      ) : (
        <Link page="data" params={{ query: `${table}?limit=50` }}>
          {table}
        </Link>
      ),
  },
  { head: 'Rate', number: true, cell: ({ requests }) => <Quantity value={requests / WINDOW_S} unit="perSecond" /> },
  {
    head: 'p50',
    number: true,
    minor: true,
    cell: ({ requests, p50Ms }) => <Quantity value={requests === 0 ? null : p50Ms} unit="ms" />,
  },
  {
    head: 'p99',
    number: true,
    cell: ({ requests, p99Ms }) => <Quantity value={requests === 0 ? null : p99Ms} unit="ms" />,
  },
  { head: 'Last hour', number: true, minor: true, cell: ({ hourP99Ms }) => <Quantity value={hourP99Ms} unit="ms" /> },
  { head: 'Failed', number: true, cell: ({ serverErrors }) => <Quantity value={serverErrors} unit="count" /> },
  { head: 'Refused', number: true, cell: ({ refused }) => <Quantity value={refused} unit="count" /> },
  { head: 'SQLSTATE', minor: true, cell: errorsOf },
  { head: 'By', minor: true, cell: ({ instances }) => instancesText(instances) },
];

function instancesText(instances: readonly string[]): string {
  const names = instances.map((key) => key.split('/').at(-1));
  return names.length > 2 ? `${names.length} instances` : names.join(', ');
}

/** A route that is at least three times as slow as in its last hour, and slow in itself, as the rules see it. */
const isSlow = ({ p99Ms, hourP99Ms }: RouteTraffic) => hourP99Ms !== null && p99Ms > 250 && p99Ms > 3 * hourP99Ms;

export function Routes({ selected }: { selected: string | undefined }) {
  const answer = useRoutes();
  return (
    <Panel
      id="routes"
      title="Routes"
      wide
      from={answer}
      note={`over ${format(WINDOW_S * 1_000, 'ms')}; the busiest first`}
    >
      <Loaded from={answer}>
        {({ routes }) =>
          routes.length === 0 ? (
            <Empty>
              No request has been answered in the last seconds. Try <code>GET /rest/v1/&lt;table&gt;</code>.
            </Empty>
          ) : (
            <Table
              caption="Routes"
              columns={COLUMNS}
              rows={routes}
              keyOf={keyOfRoute}
              isSelected={(row) => keyOfRoute(row) === selected}
              toneOf={(row) => (row.serverErrors > 0 ? 'bad' : row.refused > 0 || isSlow(row) ? 'warn' : undefined)}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
