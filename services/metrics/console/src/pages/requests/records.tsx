import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { formatTime, Quantity } from '../../quantities.tsx';
import { PartsLegend, type Record, TimeSplit } from './parts-of-time.tsx';

const MAX_SHOWN = 50;

const COLUMNS: Column<Record>[] = [
  {
    head: 'Request',
    rowHeader: true,
    cell: ({ id }) => (
      <Link page="requests" params={{ id }} row>
        <code>{id}</code>
      </Link>
    ),
  },
  { head: 'Ended', cell: ({ at }) => formatTime(at) },
  { head: 'Why', cell: ({ why, status, code }) => `${why}, ${status}${code === null ? '' : ` ${code}`}` },
  {
    head: 'Route',
    grow: true,
    cell: ({ route, table }) => <span title={route}>{table === null ? route : `${route} (${table})`}</span>,
  },
  { head: 'Role', minor: true, cell: ({ role }) => role ?? '–' },
  { head: 'Time', number: true, cell: ({ ms }) => <Quantity value={ms} unit="ms" /> },
  { head: 'Where it went', cell: ({ parts }) => <TimeSplit parts={parts} /> },
];

/** Requests that were slow, failed or were refused; the newest first. */
export function Records({ route, table }: { route: string | undefined; table: string | undefined }) {
  const query = new URLSearchParams({
    limit: String(MAX_SHOWN),
    ...(route && { route }),
    ...(table && { table }),
  });
  const answer = useAnswer<{ requests: Record[]; silent: { instance: string }[] }>(`requests?${query}`);
  return (
    <Panel
      id="records"
      title="Slow, failed and refused requests"
      wide
      from={answer}
      note={route === undefined ? 'of all routes' : 'of this route'}
    >
      <Loaded from={answer}>
        {({ requests, silent }) => (
          <>
            {requests.length === 0 ? (
              <Empty>None is kept: every request was fast, and got what it asked for.</Empty>
            ) : (
              <>
                <Table
                  caption="Requests"
                  columns={COLUMNS}
                  rows={requests}
                  keyOf={(row) => `${row.instance} ${row.id} ${row.at}`}
                  toneOf={({ why }) => (why === 'failed' ? 'bad' : why === 'refused' ? 'warn' : undefined)}
                />
                <PartsLegend />
              </>
            )}
            {silent.length > 0 && (
              <p class="problem">{silent.length} gateways did not answer; the list is incomplete.</p>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}
