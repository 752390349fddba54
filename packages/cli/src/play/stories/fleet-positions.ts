/** The map of an organization: the newest position of each vehicle, live. */
import type { LiveQuery } from '@tidemark/client';
import { type Claim, holds } from '../claim.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { within } from '../together.ts';
import { manager } from './people.ts';

const MAPS = 5;
const ORGANIZATION = 1;
const VEHICLES = 40;
const PATIENCE_MS = 30_000;

interface Position {
  vehicle_id: number;
  latitude: number;
  longitude: number;
}

export async function playPositions(stage: Stage): Promise<Claim[]> {
  const rounds = stage.size(60, 10);
  const service = await stage.client('service', { role: 'service_role', schema: 'fleet' });
  const vehicles = await rowsOf<{ id: number }>(
    service.from('vehicles').select('id').eq('organization_id', ORGANIZATION).order('id').limit(VEHICLES),
  );
  const maps: LiveQuery<Position>[] = [];
  let frames = 0;
  for (let n = 0; n < MAPS; n += 1) {
    const client = await stage.client(`map-${n}`, manager(ORGANIZATION));
    const query = client.from('positions').select('vehicle_id,latitude,longitude');
    const map = query.live({ mode: 'latest' }) as unknown as LiveQuery<Position>;
    map.onChange(() => {
      frames += 1;
    });
    maps.push(await map.ready());
  }
  stage.say(`${vehicles.length} vehicles drive; ${MAPS} maps follow their newest positions`);
  const start = Date.now();
  for (let round = 0; round < rounds; round += 1) {
    const rows = vehicles.map(({ id }, n) => ({
      vehicle_id: id,
      organization_id: ORGANIZATION,
      recorded_at: new Date(start + round * 1_000 + n).toISOString(),
      latitude: 52.5 + 0.01 * Math.sin(id + round / 10),
      longitude: 13.4 + 0.01 * Math.cos(id + round / 10),
      speed_kmh: 30 + (round % 40),
      heading: (id + round * 3) % 360,
      engine_on: true,
    }));
    await rowsOf(service.from('telematics').upsert(rows, { onConflict: 'vehicle_id,recorded_at' }));
    stage.draw('rounds of measurements', round + 1, rounds);
  }
  const stored = await rowsOf<Position>(
    service.from('positions').select('vehicle_id,latitude,longitude').eq('organization_id', ORGANIZATION).limit(1_000),
  );
  const isCurrent = (map: LiveQuery<Position>) => {
    const shown = new Map(map.rows.map((row) => [row.vehicle_id, `${row.latitude} ${row.longitude}`]));
    return stored.every((row) => shown.get(row.vehicle_id) === `${row.latitude} ${row.longitude}`);
  };
  await within(PATIENCE_MS, () => maps.every(isCurrent));
  const current = maps.filter(isCurrent).length;
  const changes = rounds * vehicles.length;
  return [
    holds(
      'live maps (mode=latest) show the newest position of every vehicle',
      current === maps.length && stored.length > 0,
      `${current} of ${maps.length} maps, ${stored.length} vehicles; ${changes} measurements came as ${Math.round(frames / MAPS)} updates of a map`,
    ),
  ];
}
