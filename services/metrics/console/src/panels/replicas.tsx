import { Chart } from '../parts/chart.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Quantity } from '../quantities.tsx';
import { linesOf, type View } from '../view.ts';

type Replica = View['health']['postgres']['replication'][number] & { refusedBy: string[] };
type Slot = View['health']['postgres']['slots'][number];

const REPLICA: Column<Replica>[] = [
  { head: 'Replica', rowHeader: true, grow: true, cell: (row) => row.name },
  { head: 'State', cell: (row) => (row.refusedBy.length ? 'no reads' : row.state) },
  { head: 'Lag', number: true, cell: (row) => <Quantity value={row.lagMs} unit="ms" /> },
  { head: 'Behind', number: true, cell: (row) => <Quantity value={row.lagBytes} unit="bytes" /> },
];

const SLOT: Column<Slot>[] = [
  { head: 'Slot', rowHeader: true, grow: true, cell: (row) => row.name },
  { head: 'Kind', cell: (row) => row.kind },
  { head: 'In use', cell: (row) => (row.active ? 'yes' : 'no') },
  { head: 'WAL kept', number: true, cell: (row) => <Quantity value={row.retainedBytes} unit="bytes" /> },
];

/** Lag under which the gateways use a replica again by default (DB_LAG_HEALTHY_MS). */
const MAX_HEALTHY_LAG_MS = 1_000;

export function Replicas({ view }: { view: View }) {
  const { replication, slots } = view.health.postgres;
  const refusals = view.health.instances.flatMap(({ instance, replicas }) =>
    (replicas ?? []).filter(({ healthy }) => !healthy).map(({ name }) => ({ name, instance })),
  );
  const rows = replication.map((replica) => ({
    ...replica,
    refusedBy: refusals.filter(({ name }) => name === replica.name).map(({ instance }) => instance),
  }));
  return (
    <Panel id="replicas" title="Replicas and slots">
      {rows.length === 0 ? (
        <Empty>
          No replica streams from this primary, so every read goes to it. Name one in DATABASE_REPLICA_URLS; the local
          stack has one.
        </Empty>
      ) : (
        <>
          <Table
            caption="Replicas"
            columns={REPLICA}
            rows={rows}
            keyOf={(row) => row.name}
            toneOf={(row) => ((row.lagMs ?? 0) > MAX_HEALTHY_LAG_MS || row.refusedBy.length ? 'warn' : undefined)}
          />
          <Chart
            title="Replica lag"
            times={view.recent.times()}
            lines={linesOf(view, 'postgres.replica_lag')}
            unit="ms"
          />
        </>
      )}
      {slots.length > 0 && (
        <Table
          caption="Replication slots"
          columns={SLOT}
          rows={slots}
          keyOf={(row) => row.name}
          toneOf={(row) =>
            row.walStatus === 'lost' || row.walStatus === 'unreserved' ? 'bad' : row.active ? undefined : 'warn'
          }
        />
      )}
    </Panel>
  );
}
