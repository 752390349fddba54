/** The history of the vehicles' devices: a measurement an hour from 6 to 17 o'clock, day by day back from two days ago. */
import type { Query } from '@tidemark/db';
import type { LargeData } from '../blueprint.ts';

export const telematics: LargeData = { table: 'fleet.telematics', rows: 1_000_000, steps };

/** The day before yesterday in UTC: the demo data has the hours after it. */
const LAST_DAY = `(now() at time zone 'UTC')::date - 2`;

async function* steps(query: Query, rows: number): AsyncIterable<number> {
  const [{ count = 0 } = {}] = await query<{ count: number }>('select count(*)::int from fleet.telematics');
  let there = count;
  for (let back = 0; there < rows; back += 1) {
    const [{ begins, loaded } = { begins: '', loaded: false }] = await query<{ begins: string; loaded: boolean }>(
      `select day::text as begins, exists (
         select from fleet.telematics where recorded_at >= day at time zone 'UTC' and recorded_at < (day + 1) at time zone 'UTC'
       ) as loaded from (select ${LAST_DAY} - ${back} as day) as days`,
    );
    if (loaded) continue;
    await query(`select fleet.add_telematics_month('${begins}')`);
    const [{ added = 0 } = {}] = await query<{ added: number }>(day(begins));
    // Without a vehicle no day has rows.
    if (added === 0) return;
    there += added;
    yield there;
  }
  await query(PUBLISH);
}

const day = (begins: string) => `
with added as (
  insert into fleet.telematics
    (vehicle_id, recorded_at, organization_id, latitude, longitude, speed_kmh, heading, fuel_percent, engine_on)
  select id, ('${begins}'::timestamp + hour * interval '1 hour' + id % 60 * interval '1 minute') at time zone 'UTC', organization_id,
         52.5 + 0.2 * sin(id + hour / 4.0), 13.4 + 0.3 * cos(id * 1.7 + hour / 5.0),
         case when engine then 20 + (id * 7 + hour * 13 + day) % 115 else 0 end, (id * 31 + hour * 17 + day) % 360,
         100 - (id * 3 + hour * 2 + day) % 97, engine
    from fleet.vehicles, generate_series(6, 17) hour, lateral (select '${begins}'::date - date '2020-01-01') number (day),
         lateral (select (id + hour + day) % 5 > 0) running (engine)
   where id % 3 = 0
   order by 2
  on conflict do nothing
  returning 1
)
select count(*)::int as added from added`;

/** The table is followed from here on, so that the history itself is no change for anybody. */
const PUBLISH = `
do $$ begin
  if not exists (select from pg_publication_tables where pubname = 'tidemark' and schemaname = 'fleet' and tablename = 'telematics') then
    alter publication tidemark add table fleet.telematics;
  end if;
end $$`;
