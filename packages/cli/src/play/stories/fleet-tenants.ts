/** A manager sees nothing of other organizations, in any table, over HTTP and live. */
import { type Claim, holds } from '../claim.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { manager } from './people.ts';

const TABLES = [
  ...(['users', 'vehicles', 'drivers', 'assignments', 'maintenance', 'fuel', 'work_orders'] as const),
  ...(['inspections', 'documents', 'alerts', 'telematics', 'positions', 'audit_log'] as const),
];
const LIVE = ['vehicles', 'work_orders', 'alerts', 'positions'];
const [OWN, OTHER] = [1, 2];

export async function playTenants(stage: Stage): Promise<Claim[]> {
  const own = await stage.client('tenant', manager(OWN));
  const leaks: string[] = [];
  let visible = 0;
  for (const table of TABLES) {
    if ((await rowsOf(own.from(table).select('organization_id').neq('organization_id', OWN).limit(1))).length > 0) {
      leaks.push(table);
    }
    if ((await rowsOf(own.from(table).select('organization_id').limit(1))).length > 0) visible += 1;
  }
  const seen: string[] = [];
  const watched = LIVE.map((table) => {
    const live = own.from(table).select().neq('organization_id', OWN).live();
    live.onChange((rows, events) => {
      if (rows.length > 0 || events.some(({ type }) => type !== 'snapshot')) seen.push(table);
    });
    return live;
  });
  await Promise.all(watched.map((live) => live.ready()));
  const other = await stage.client('other', manager(OTHER));
  const [vehicle] = await rowsOf<{ id: number; status: string }>(other.from('vehicles').select('id,status').limit(1));
  const mine = own.from('vehicles').select('id,status').live();
  let heard = 0;
  mine.onChange((_rows, events) => {
    heard += events.filter(({ type }) => type === 'update').length;
  });
  await mine.ready();
  await rowsOf(other.from('vehicles').update({ status: vehicle?.status }).eq('id', vehicle?.id));
  // A change of the own organization comes later in the log: once it is there, the other one would have been, too.
  const [first] = await rowsOf<{ id: number; status: string }>(own.from('vehicles').select('id,status').limit(1));
  await rowsOf(own.from('vehicles').update({ status: first?.status }).eq('id', first?.id));
  const deadline = Date.now() + 15_000;
  while (heard === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 25));
  return [
    holds(
      'tenants see their organization only',
      leaks.length === 0 && seen.length === 0 && heard === 1 && visible === TABLES.length,
      leaks.length + seen.length > 0
        ? `seen of others: ${[...leaks, ...seen].join(', ')}`
        : `no row of others in ${TABLES.length} tables and ${LIVE.length} live queries; ${visible} tables have own rows, ${heard} own change came`,
    ),
  ];
}
