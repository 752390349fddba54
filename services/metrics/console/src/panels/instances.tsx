import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { format, Quantity } from '../quantities.tsx';
import { type Instance, keyOf, type View } from '../view.ts';

type Lost = View['health']['lost'][number];
type Row = { key: string; service: string; instance: string; url: string; live?: Instance; lost?: Lost };

const COLUMNS: Column<Row>[] = [
  { head: 'Instance', rowHeader: true, cell: (row) => row.instance },
  { head: 'Service', cell: (row) => row.service },
  { head: 'State', cell: stateOf },
  { head: 'Address', grow: true, cell: (row) => <span class="code">{row.url.replace(/^https?:\/\//, '')}</span> },
  { head: 'Pid', number: true, cell: (row) => <span class="code">{row.live?.pid ?? '–'}</span> },
  { head: 'Up', number: true, cell: (row) => <Quantity value={row.live?.process.uptimeSeconds} unit="seconds" /> },
  {
    head: 'CPU',
    number: true,
    cell: (row) => <Quantity value={row.live && row.live.process.cpuPercent / 100} unit="percent" />,
  },
  { head: 'Memory', number: true, cell: (row) => <Quantity value={row.live?.process.rssBytes} unit="bytes" /> },
  { head: 'Heap', number: true, cell: (row) => <Quantity value={row.live?.process.heapUsedBytes} unit="bytes" /> },
  {
    head: 'Loop p99',
    number: true,
    cell: (row) => <Quantity value={row.live?.process.eventLoopDelayP99Ms} unit="ms" />,
  },
];

function stateOf({ live, lost }: Row) {
  if (lost) return `lost, silent for ${format(lost.silentMs, 'ms')}`;
  return live?.ready ? 'ready' : `not ready: ${live?.problems.join('; ')}`;
}

export function Instances({ view }: { view: View }) {
  const rows: Row[] = [
    ...view.health.instances.map((live) => ({ ...live, key: keyOf(live), live })),
    ...view.health.lost.map((lost) => ({ ...lost, key: keyOf(lost), lost })),
  ].sort((a, b) => a.key.localeCompare(b.key));
  return (
    <Panel id="instances" title="Instances" wide>
      {rows.length === 0 ? (
        <Empty>
          No instance reports itself. Does this service use the same NATS_URL and NATS_PREFIX as the others?
        </Empty>
      ) : (
        <Table
          caption="Instances"
          columns={COLUMNS}
          rows={rows}
          keyOf={(row) => row.key}
          toneOf={(row) => (row.lost ? 'bad' : row.live?.ready ? undefined : 'warn')}
        />
      )}
    </Panel>
  );
}
