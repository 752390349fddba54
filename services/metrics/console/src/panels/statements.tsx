import { useEffect, useState } from 'preact/hooks';
import type { StatementStats } from '../../../src/collectors/statements/collector.ts';
import { ApiError, request } from '../live/api.ts';
import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Quantity } from '../quantities.tsx';
import type { View } from '../view.ts';

const ORDERS = [
  ['total', 'Total time'],
  ['mean', 'Mean time'],
  ['calls', 'Calls'],
] as const;
type Order = (typeof ORDERS)[number][0];

const MAX_ROWS = 12;
const REFRESH_MS = 5_000;

const COLUMNS: Column<StatementStats>[] = [
  { head: 'Relation', cell: (row) => <code>{row.relation ?? '–'}</code> },
  {
    head: 'Statement',
    rowHeader: true,
    grow: true,
    cell: (row) => (
      <details>
        <summary>
          <code>{row.text}</code>
        </summary>
        <pre>{row.text}</pre>
      </details>
    ),
  },
  { head: 'Role', cell: (row) => row.role },
  { head: 'Share', number: true, cell: (row) => <Quantity value={row.share} unit="percent" /> },
  { head: 'Total', number: true, cell: (row) => <Quantity value={row.totalMs} unit="ms" /> },
  { head: 'Mean', number: true, cell: (row) => <Quantity value={row.meanMs} unit="ms" /> },
  { head: 'Longest', number: true, cell: (row) => <Quantity value={row.maxMs} unit="ms" /> },
  { head: 'Calls', number: true, cell: (row) => <Quantity value={row.calls} unit="count" /> },
  { head: 'Rows', number: true, cell: (row) => <Quantity value={row.rows} unit="count" /> },
  { head: 'In memory', number: true, cell: (row) => <Quantity value={row.bufferHits} unit="percent" /> },
];

export function Statements({ view: { token } }: { view: View }) {
  const [order, setOrder] = useState<Order>('total');
  const [found, setFound] = useState<{ statements: StatementStats[]; problem: string | null }>();

  useEffect(() => {
    const stop = new AbortController();
    const refresh = async () => {
      try {
        const response = await request(`statements?order=${order}&limit=${MAX_ROWS}`, token, stop.signal);
        const { statements } = (await response.json()) as { statements: StatementStats[] };
        setFound({ statements, problem: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        const problem = error instanceof ApiError ? [error.refusal.message, error.refusal.hint].join('. ') : null;
        // Without a response the page already says that the connection is lost; the last statements stay.
        setFound((before) => ({ statements: problem ? [] : (before?.statements ?? []), problem }));
      }
    };
    void refresh();
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [order, token]);

  const choice = (
    <label>
      by{' '}
      <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
        {ORDERS.map(([value, name]) => (
          <option key={value} value={value}>
            {name.toLowerCase()}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Panel id="statements" title="Top statements" note={choice} wide>
      {!found || found.statements.length === 0 ? (
        <Empty>
          {found ? (found.problem ?? 'No statement has been counted yet.') : 'Reading pg_stat_statements …'}
        </Empty>
      ) : (
        <Table
          caption="Top statements"
          columns={COLUMNS}
          rows={found.statements}
          keyOf={(row) => `${row.id} ${row.role} ${row.toplevel}`}
        />
      )}
    </Panel>
  );
}
