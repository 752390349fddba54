import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Quantity } from '../quantities.tsx';
import { instancesOf, type View } from '../view.ts';

interface Route {
  route: string;
  requestsTotal: number;
  errorsTotal: number;
  p50Ms: number;
  p99Ms: number;
}

const MAX_ROWS = 8;

const COLUMNS: Column<Route>[] = [
  {
    head: 'Route',
    rowHeader: true,
    grow: true,
    cell: (row) => <span title={row.route}>{row.route}</span>,
  },
  { head: 'Calls', number: true, cell: (row) => <Quantity value={row.requestsTotal} unit="count" /> },
  { head: '5xx', number: true, cell: (row) => <Quantity value={row.errorsTotal} unit="count" /> },
  { head: 'p50', number: true, cell: (row) => <Quantity value={row.p50Ms} unit="ms" /> },
  { head: 'p99', number: true, cell: (row) => <Quantity value={row.p99Ms} unit="ms" /> },
];

/** Counts are added up, but percentiles do not add, so the highest one counts. */
function mergeRoutes(routes: readonly Route[]): Route[] {
  const byRoute = new Map<string, Route>();
  for (const one of routes) {
    const known = byRoute.get(one.route);
    byRoute.set(one.route, {
      route: one.route,
      requestsTotal: one.requestsTotal + (known?.requestsTotal ?? 0),
      errorsTotal: one.errorsTotal + (known?.errorsTotal ?? 0),
      p50Ms: Math.max(one.p50Ms, known?.p50Ms ?? 0),
      p99Ms: Math.max(one.p99Ms, known?.p99Ms ?? 0),
    });
  }
  return [...byRoute.values()];
}

export function Routes({ view }: { view: View }) {
  const rows = mergeRoutes(instancesOf(view, 'gateway').flatMap(({ http }) => http?.routes ?? []))
    .filter(({ requestsTotal }) => requestsTotal > 0)
    .sort((a, b) => b.p99Ms - a.p99Ms)
    .slice(0, MAX_ROWS);
  return (
    <Panel id="routes" title="Slowest routes" note="last minute; calls since the start">
      {rows.length === 0 ? (
        <Empty>
          No request has been answered yet. Try <code>GET /rest/v1/&lt;table&gt;</code>.
        </Empty>
      ) : (
        <Table
          caption="Slowest routes"
          columns={COLUMNS}
          rows={rows}
          keyOf={(row) => row.route}
          toneOf={(row) => (row.errorsTotal > 0 ? 'warn' : undefined)}
        />
      )}
    </Panel>
  );
}
