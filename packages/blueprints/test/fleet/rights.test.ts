import t from 'tap';
import { migrated } from '../migrated.ts';
import { rightsOf } from '../rights.ts';

const { url, db } = await migrated(t, 'fleet');
const as = (fleet_role: string) => ({
  role: 'authenticated',
  claims: { sub: fleet_role, organization_id: 1, fleet_role },
});

/** Each role has these rights on the rows of its own organization. With those of another, only the service may do anything. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  alerts: { manager: 'select update', dispatcher: 'select update', driver: 'select update' },
  assignments: { manager: 'select insert update delete', dispatcher: 'select insert update', driver: 'select' },
  audit_log: { manager: 'select' },
  documents: { manager: 'select insert update delete', dispatcher: 'select insert update', driver: 'select' },
  drivers: { manager: 'select insert update delete', dispatcher: 'select', driver: 'select' },
  fuel: { manager: 'select insert update delete', dispatcher: 'select insert', driver: 'select insert' },
  inspections: { manager: 'select insert', dispatcher: 'select insert', driver: 'select insert' },
  maintenance: { manager: 'select insert update delete', dispatcher: 'select insert update', driver: 'select' },
  organizations: { manager: 'select', dispatcher: 'select', driver: 'select', 'without a fleet role': 'select' },
  positions: { manager: 'select', dispatcher: 'select', driver: 'select' },
  telematics: { manager: 'select', dispatcher: 'select', driver: 'select' },
  users: { manager: 'select insert update', dispatcher: 'select', driver: 'select' },
  vehicles: { manager: 'select insert update delete', dispatcher: 'select', driver: 'select' },
  work_orders: { manager: 'select insert update delete', dispatcher: 'select insert update', driver: 'select' },
};
const SERVICE: Readonly<Record<string, string>> = {
  audit_log: 'select',
  positions: 'select',
  organizations: 'select insert update',
};

t.test('each role may do with each table of fleet what is written here, and nothing else', async (t) => {
  const callers = {
    anon: { role: 'anon' },
    'without an organization': { role: 'authenticated', claims: { sub: 'x', fleet_role: 'manager' } },
    'without a fleet role': { role: 'authenticated', claims: { sub: 'x', organization_id: 1 } },
    driver: as('driver'),
    dispatcher: as('dispatcher'),
    manager: as('manager'),
    ops: { role: 'ops' },
    service_role: { role: 'service_role' },
  };
  const lines = await rightsOf(url, {
    schema: 'fleet',
    tenantColumns: { organizations: 'id' },
    own: '1',
    other: '2',
    callers,
    fresh: {
      organizations: { name: 'Ivory Lines' },
      users: { email: 'new@org.example' },
      vehicles: { vin: '1TMBBBBBBBBB00001', plate: 'TM new' },
      drivers: { license_number: 'new' },
      assignments: { ends_at: '2100-01-01' },
      telematics: { recorded_at: '2000-01-01' },
    },
    updated: { alerts: 'read_at', organizations: 'name' },
  });
  const expected = Object.entries(ALLOWED).flatMap(([table, own]) =>
    Object.keys(callers).flatMap((caller) => {
      const service = SERVICE[table] ?? 'select insert update delete';
      const isService = caller === 'service_role';
      return [
        `${table} · ${caller} · own: ${isService ? service : (own[caller] ?? 'nothing')}`,
        `${table} · ${caller} · other: ${isService ? service : 'nothing'}`,
      ];
    }),
  );
  t.same(lines, expected);
});

t.test('a dispatcher marks an alert as read and cannot rewrite it', async (t) => {
  const identity = { role: 'authenticated', claims: JSON.stringify(as('dispatcher').claims) };
  const update = (set: string) =>
    db.write({ identity, statements: [{ text: `update fleet.alerts set ${set} where read_at is null` }] });
  await t.rejects(update("message = 'x'"), { code: '42501' });
  t.ok(((await update('read_at = now()')).results[0]?.count ?? 0) > 0);
});

t.test('every change is audited with its actor, and a row cannot point into another organization', async (t) => {
  const identity = { role: 'authenticated', claims: JSON.stringify(as('manager').claims) };
  const write = (text: string) => db.write({ identity, statements: [{ text }] });
  await write("update fleet.vehicles set status = 'retired' where id = 8");
  await write("update fleet.vehicles set status = 'retired' where id = 8");
  const logged = await db.pools.write.query(
    `select actor, action, organization_id, before ->> 'status' <> 'retired' as changed, after ->> 'status' as status
       from fleet.audit_log where entity = 'vehicles' and entity_id = 8 and actor = 'manager'`,
  );
  t.strictSame(
    [...logged],
    [{ actor: 'manager', action: 'update', organization_id: 1, changed: true, status: 'retired' }],
  );
  const foreign = `insert into fleet.work_orders (organization_id, vehicle_id, title) values (1, (select 1), 'x')`;
  await t.rejects(write(foreign), { code: '23503' }, 'vehicle 1 is of organization 2');
});

t.test('the newest measurement is the position, also when measurements arrive late', async (t) => {
  const identity = { role: 'service_role', claims: '{"role":"service_role"}' };
  const send = (at: string, latitude: number) =>
    db.write({
      identity,
      statements: [
        {
          text: `insert into fleet.telematics (vehicle_id, recorded_at, organization_id, latitude, longitude, speed_kmh, heading, engine_on)
                 values (8, ${at}, 1, ${latitude}, 13, 50, 90, true)`,
        },
      ],
    });
  await send("now() + interval '1 minute'", 51);
  await send("now() - interval '1 minute'", 50);
  const [position] = await db.pools.write.query('select latitude from fleet.positions where vehicle_id = 8');
  t.equal(position?.latitude, 51);
});
