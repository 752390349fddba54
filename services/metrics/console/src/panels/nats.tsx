import { Chart } from '../parts/chart.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { format, Quantity } from '../quantities.tsx';
import { linesOf, type View } from '../view.ts';

type Stream = View['health']['nats']['streams'][number];

const COLUMNS: Column<Stream>[] = [
  { head: 'Stream', rowHeader: true, grow: true, cell: (row) => row.name },
  { head: 'Messages', number: true, cell: (row) => <Quantity value={row.messages} unit="count" /> },
  { head: 'Size', number: true, cell: (row) => <Quantity value={row.bytes} unit="bytes" /> },
  { head: 'Readers', number: true, cell: (row) => <Quantity value={row.consumers} unit="count" /> },
  { head: 'Unread', number: true, cell: (row) => <Quantity value={row.pending} unit="count" /> },
  { head: 'Unacked', number: true, cell: (row) => <Quantity value={row.ackPending} unit="count" /> },
];

export function Nats({ view }: { view: View }) {
  const { nats } = view.health;
  const note = nats.version ? `${nats.version} · round trip ${format(nats.roundTripMs, 'ms')}` : undefined;
  return (
    <Panel id="nats" title="NATS streams" note={note}>
      {nats.streams.length === 0 ? (
        <Empty>{nats.problem ?? 'There is no stream yet: realtime and batch create theirs when they start.'}</Empty>
      ) : (
        <>
          <Table caption="NATS streams" columns={COLUMNS} rows={nats.streams} keyOf={(row) => row.name} />
          <Chart
            title="Messages kept"
            times={view.recent.times()}
            lines={linesOf(view, 'nats.messages')}
            unit="count"
          />
        </>
      )}
    </Panel>
  );
}
