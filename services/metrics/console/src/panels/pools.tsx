import { Chart } from '../parts/chart.tsx';
import { Meter } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Quantity } from '../quantities.tsx';
import { type Instance, keyOf, linesOf, shortLabel, type View } from '../view.ts';

type Pool = NonNullable<Instance['pools']>[number] & { owner: string };

const MAX_ROWS = 12;
const MAX_LINES = 4;
const toneOf = (pool: Pool) =>
  pool.waiting > 0 && pool.utilisation >= 0.95 ? 'bad' : pool.waiting > 0 ? 'warn' : undefined;

const COLUMNS: Column<Pool>[] = [
  {
    head: 'Pool',
    rowHeader: true,
    grow: true,
    cell: (pool) => (
      <span title={`${pool.name} of ${pool.owner}`}>
        {pool.name} <span class="unit">{shortLabel(pool.owner)}</span>
      </span>
    ),
  },
  {
    head: 'Busy',
    cell: (pool) => (
      <div class="gauge">
        <Meter share={pool.utilisation} label={`Utilisation of ${pool.name} of ${pool.owner}`} tone={toneOf(pool)} />
        <span>
          {pool.slots.busy}
          <span class="unit"> / {pool.max}</span>
        </span>
      </div>
    ),
  },
  { head: 'Waiting', number: true, cell: (pool) => <Quantity value={pool.waiting} unit="count" /> },
  { head: 'Wait p99', number: true, cell: (pool) => <Quantity value={pool.waitP99Ms} unit="ms" /> },
  {
    head: 'Refused',
    number: true,
    cell: (pool) => <Quantity value={pool.refusedTotal + pool.timeoutsTotal} unit="count" />,
  },
];

export function Pools({ view }: { view: View }) {
  const all = view.health.instances.flatMap((instance) =>
    (instance.pools ?? []).map((pool) => ({ ...pool, owner: keyOf(instance) })),
  );
  const rows = all
    .filter(({ acquiredTotal, waiting }) => acquiredTotal > 0 || waiting > 0)
    .sort((a, b) => b.waiting - a.waiting || poolKey(a).localeCompare(poolKey(b)))
    .slice(0, MAX_ROWS);
  const busiest = linesOf(view, 'pool.utilisation')
    .filter(({ label }) => rows.some((pool) => label === shortLabel(`${pool.owner}/${pool.name}`)))
    .sort((a, b) => peak(b.values) - peak(a.values))
    .slice(0, MAX_LINES)
    .sort((a, b) => a.label.localeCompare(b.label));
  return (
    <Panel
      id="pools"
      title="Connection pools"
      note={all.length > rows.length ? `${rows.length} of ${all.length} in use` : undefined}
    >
      {rows.length === 0 ? (
        <Empty>No pool has been used yet: no service holds connections to Postgres.</Empty>
      ) : (
        <>
          <Table caption="Connection pools" columns={COLUMNS} rows={rows} keyOf={poolKey} toneOf={toneOf} />
          <Chart title="Utilisation, the busiest" times={view.recent.times()} lines={busiest} unit="percent" />
        </>
      )}
    </Panel>
  );
}

const poolKey = (pool: Pool) => `${pool.owner}/${pool.name}`;
const peak = (values: readonly (number | null)[]) => Math.max(0, ...values.map((value) => value ?? 0));
