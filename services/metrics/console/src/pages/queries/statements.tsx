import type { StatementStats } from '../../../../src/collectors/statements/collector.ts';
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Meter } from '../../parts/figures.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';

export type Statement = StatementStats & { fingerprints: string[] };
export interface StatementsAnswer {
  since: number | null;
  statements: Statement[];
  silent: { server: string; reason: string }[];
  evictedTotal: number;
}

const ORDERS = [
  ['total', 'total time'],
  ['mean', 'mean time'],
  ['calls', 'calls'],
] as const;
const MAX_ROWS = 200;
const MAX_SHOWN = 40;

const COLUMNS: Column<Statement>[] = [
  {
    head: 'Statement',
    rowHeader: true,
    grow: true,
    cell: ({ id, text }) => (
      <Link page="queries" params={{ statement: id }} keep row title={text}>
        <code>{text}</code>
      </Link>
    ),
  },
  { head: 'Relation', minor: true, cell: ({ relation }) => relation ?? '–' },
  {
    head: 'Time share',
    cell: ({ share }) => (
      <span class="gauge">
        <Meter share={share} label="Share of the time of all statements" />
        <span>{format(share, 'percent')}</span>
      </span>
    ),
  },
  { head: 'Mean', number: true, cell: ({ meanMs }) => <Quantity value={meanMs} unit="ms" /> },
  { head: 'Longest', number: true, minor: true, cell: ({ maxMs }) => <Quantity value={maxMs} unit="ms" /> },
  { head: 'Calls', number: true, cell: ({ calls }) => <Quantity value={calls} unit="count" /> },
  { head: 'Rows', number: true, minor: true, cell: ({ rows }) => <Quantity value={rows} unit="count" /> },
  {
    head: 'In memory',
    number: true,
    minor: true,
    cell: ({ bufferHits }) => <Quantity value={bufferHits} unit="percent" />,
  },
  { head: 'Role', minor: true, cell: ({ role }) => role },
];

export function Statements() {
  const { params } = useAddress();
  const { order = 'total', own, filter = '' } = params;
  const answer = useAnswer<StatementsAnswer>(
    `queries/servers?order=${order}&limit=${MAX_ROWS}${own ? '&own=true' : ''}`,
  );
  const controls = (
    <span class="controls">
      <input
        type="search"
        aria-label="Filter statements"
        placeholder="filter"
        value={filter}
        onInput={(event) => setParams({ filter: event.currentTarget.value }, { replace: true })}
      />
      <select
        aria-label="Order"
        value={order}
        onChange={(event) => setParams({ order: event.currentTarget.value }, { replace: true })}
      >
        {ORDERS.map(([value, name]) => (
          <option key={value} value={value}>
            by {name}
          </option>
        ))}
      </select>
      <label>
        <input
          type="checkbox"
          checked={own !== undefined}
          onChange={(event) => setParams({ own: event.currentTarget.checked ? '1' : undefined }, { replace: true })}
        />{' '}
        own statements
      </label>
    </span>
  );
  return (
    <Panel id="statements" title="Statements, last 15 min" wide from={answer} note={controls}>
      <Loaded from={answer}>
        {({ statements, silent, evictedTotal }) => {
          const word = filter.toLowerCase();
          const shown = statements.filter(({ text, relation }) => `${text} ${relation}`.toLowerCase().includes(word));
          return (
            <>
              {shown.length === 0 ? (
                <Empty>No statement {filter ? 'matches the filter' : 'has been counted yet'}.</Empty>
              ) : (
                <Table
                  caption="Statements"
                  columns={COLUMNS}
                  rows={shown.slice(0, MAX_SHOWN)}
                  keyOf={(row) => `${row.id} ${row.role} ${row.toplevel}`}
                  isSelected={({ id }) => id === params.statement}
                />
              )}
              {silent.map(({ server, reason }) => (
                <p key={server} class="problem">
                  Without {server}: {reason}
                </p>
              ))}
              {evictedTotal > 0 && (
                <p class="hint">
                  Postgres dropped {evictedTotal} entries for want of room: raise pg_stat_statements.max.
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}
