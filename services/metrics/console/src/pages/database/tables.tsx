import type { TableStats } from '../../../../src/collectors/postgres-tables.ts';
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';

export interface TablesAnswer {
  at: number | null;
  tables: TableStats[];
}

const MAX_SHOWN = 30;
export const useTables = () => useAnswer<TablesAnswer>('database/tables?limit=500', { everyMs: 30_000 });
export const nameOfTable = ({ schema, table }: { schema: string; table: string }) => `${schema}.${table}`;

const COLUMNS: Column<TableStats>[] = [
  {
    head: 'Table',
    rowHeader: true,
    grow: true,
    cell: (row) => (
      <Link page="database" params={{ table: nameOfTable(row) }} keep row>
        {nameOfTable(row)}
      </Link>
    ),
  },
  { head: 'Size', number: true, cell: ({ bytes }) => <Quantity value={bytes?.total} unit="bytes" /> },
  { head: 'Indexes', number: true, minor: true, cell: ({ bytes }) => <Quantity value={bytes?.indexes} unit="bytes" /> },
  { head: 'Rows', number: true, cell: ({ rows }) => <Quantity value={rows} unit="count" /> },
  { head: 'Dead', number: true, cell: ({ deadRows }) => <Quantity value={deadRows} unit="count" /> },
  {
    head: 'Seq. scans',
    number: true,
    minor: true,
    cell: (row) => <Quantity value={row.sequentialScans} unit="count" />,
  },
  { head: 'Index scans', number: true, minor: true, cell: (row) => <Quantity value={row.indexScans} unit="count" /> },
  { head: 'Vacuumed', number: true, minor: true, cell: vacuumed },
];

function vacuumed({ vacuum, lastVacuumAt, lastAutovacuumAt }: TableStats): string {
  if (vacuum) return `now: ${vacuum.phase}`;
  const at = Math.max(lastVacuumAt ?? 0, lastAutovacuumAt ?? 0);
  return at === 0 ? 'never' : `${format(Date.now() - at, 'ms')} ago`;
}

export function Tables() {
  const answer = useTables();
  const { filter = '', table } = useAddress().params;
  const word = filter.toLowerCase();
  return (
    <Panel
      id="tables"
      title="Tables"
      wide
      from={{ ...answer, maxMs: 120_000 }}
      note={
        <input
          type="search"
          aria-label="Filter tables"
          placeholder="filter"
          value={filter}
          onInput={(event) => setParams({ filter: event.currentTarget.value }, { replace: true })}
        />
      }
    >
      <Loaded from={answer}>
        {({ tables }) => {
          const shown = tables.filter((row) => nameOfTable(row).includes(word));
          if (shown.length === 0) return <Empty>No table has that in its name.</Empty>;
          return (
            <>
              <Table
                caption="Tables"
                columns={COLUMNS}
                rows={shown.slice(0, MAX_SHOWN)}
                keyOf={nameOfTable}
                isSelected={(row) => nameOfTable(row) === table}
                toneOf={({ deadRows, liveRows }) =>
                  (deadRows ?? 0) > 10_000 && (deadRows ?? 0) > (liveRows ?? 0) * 0.2 ? 'warn' : undefined
                }
              />
              {shown.length > MAX_SHOWN && (
                <p class="hint">and {shown.length - MAX_SHOWN} smaller ones: filter them.</p>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}
