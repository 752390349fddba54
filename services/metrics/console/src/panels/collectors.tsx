import { Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { formatTime, Quantity } from '../quantities.tsx';
import type { View } from '../view.ts';

type Collector = View['health']['collectors'][number];

const COLUMNS: Column<Collector>[] = [
  { head: 'Collector', rowHeader: true, cell: (row) => row.name },
  { head: 'Every', number: true, cell: (row) => <Quantity value={row.intervalMs} unit="ms" /> },
  { head: 'Took', number: true, cell: (row) => <Quantity value={row.tookMs} unit="ms" /> },
  {
    head: 'Last success',
    number: true,
    cell: (row) => (row.collectedAt === null ? 'never' : formatTime(row.collectedAt)),
  },
  { head: 'Failures', number: true, cell: (row) => <Quantity value={row.failuresTotal} unit="count" /> },
  { head: 'Now', grow: true, cell: (row) => row.error ?? (row.collectedAt === null ? 'has not run yet' : 'ok') },
];

export function Collectors({ view }: { view: View }) {
  return (
    <Panel id="collectors" title="Collectors" wide>
      <Table
        caption="Collectors"
        columns={COLUMNS}
        rows={view.health.collectors}
        keyOf={(row) => row.name}
        toneOf={(row) => (row.error === null ? undefined : 'bad')}
      />
    </Panel>
  );
}
