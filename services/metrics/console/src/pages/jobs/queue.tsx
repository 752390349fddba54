import { useEyes } from '../../eyes/eyes.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Quantity } from '../../quantities.tsx';
import { UNFINISHED, useRows } from './job.ts';

interface Tenant {
  tenant: string;
  jobs: Record<string, number>;
  left: number;
}
interface Counted {
  tenant: string;
  state: string;
  jobs: number;
  total: number;
  done: number;
  failed: number;
}

const QUERY = `jobs?select=tenant,state,jobs:count(),total.sum(),done.sum(),failed.sum()&state=in.(${UNFINISHED.join()})`;
const countOf =
  (state: string) =>
  ({ jobs }: Tenant) => <Quantity value={jobs[state] ?? 0} unit="count" />;

const COLUMNS: Column<Tenant>[] = [
  { head: 'Tenant', rowHeader: true, grow: true, cell: ({ tenant }) => tenant || 'none' },
  { head: 'Running', number: true, cell: countOf('running') },
  { head: 'Queued', number: true, cell: countOf('queued') },
  { head: 'Paused', number: true, minor: true, cell: countOf('paused') },
  { head: 'Items left', number: true, cell: ({ left }) => <Quantity value={left} unit="count" /> },
];

/** Tenants share the threads, so each has a queue of its own. */
export function Queue() {
  const answer = useRows<Record<string, never>>(useEyes(), QUERY, 3_000);
  return (
    <Panel id="queue" title="Queue by tenant" from={answer}>
      <Loaded from={answer}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty>No job waits or runs.</Empty>
          ) : (
            <Table caption="Queue by tenant" columns={COLUMNS} rows={byTenant(rows)} keyOf={({ tenant }) => tenant} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function byTenant(rows: readonly Record<string, never>[]): Tenant[] {
  const tenants = new Map<string, Tenant>();
  for (const row of rows as unknown as Counted[]) {
    const tenant = tenants.get(row.tenant) ?? { tenant: row.tenant, jobs: {}, left: 0 };
    tenant.jobs[row.state] = row.jobs;
    tenant.left += row.total - row.done - row.failed;
    tenants.set(row.tenant, tenant);
  }
  return [...tenants.values()].sort((a, b) => b.left - a.left);
}
