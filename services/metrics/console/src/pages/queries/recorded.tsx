import type { RecordedStatement } from '@tidemark/contracts';
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { formatTime, Quantity } from '../../quantities.tsx';

type Row = RecordedStatement & { instance: string };

const COLUMNS: Column<Row>[] = [
  { head: 'Ended', rowHeader: true, cell: ({ at }) => formatTime(at) },
  { head: 'Statement', grow: true, cell: ({ text }) => <code title={text}>{text}</code> },
  {
    head: 'Route',
    cell: ({ route }) =>
      route?.includes('/') ? (
        <Link page="requests" params={{ route }} row>
          {route}
        </Link>
      ) : (
        (route ?? '–')
      ),
  },
  { head: 'Wait', number: true, cell: ({ waitMs }) => <Quantity value={waitMs} unit="ms" /> },
  { head: 'Time', number: true, cell: ({ ms }) => <Quantity value={ms} unit="ms" /> },
  { head: 'Rows', number: true, minor: true, cell: ({ rows }) => <Quantity value={rows} unit="count" /> },
  { head: 'Pool', minor: true, cell: ({ pool, instance }) => `${pool} of ${instance}` },
];

/** Single runs of statements, each with its route. */
export function Recorded() {
  const { params } = useAddress();
  const list = params.list === 'recent' ? 'recent' : 'slow';
  const answer = useAnswer<{ statements: Row[] }>(`queries/${list}?limit=20`);
  const choice = (
    <select
      aria-label="Which runs"
      value={list}
      onChange={(event) => setParams({ list: event.currentTarget.value }, { replace: true })}
    >
      <option value="slow">the slow ones</option>
      <option value="recent">the latest</option>
    </select>
  );
  return (
    <Panel id="recorded" title="Single runs" wide from={answer} note={choice}>
      <Loaded from={answer}>
        {({ statements }) =>
          statements.length === 0 ? (
            <Empty>No statement was slow.</Empty>
          ) : (
            <Table
              caption="Single runs of statements"
              columns={COLUMNS}
              rows={statements}
              keyOf={(row) => `${row.instance} ${row.at} ${row.ms} ${row.text}`}
              toneOf={({ failed }) => (failed ? 'bad' : undefined)}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
