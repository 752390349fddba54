/** Fifty clients with dashboards over the measurements of all vehicles. */
import { type Claim, speed } from '../claim.ts';
import { ms, Times } from '../figures.ts';
import { LightReader } from '../light-reader.ts';
import { Load } from '../load.ts';
import type { Stage } from '../stage.ts';

const CLIENTS = 50;
const ORGANIZATIONS = 8;
const READ_P95_MS = 50;
const STATEMENT_P95_MS = 30;
const VEHICLES = 2_000;
const DAY_MS = 86_400_000;
const WARM_UP_MS = 2_000;

interface Figures {
  text: string;
  callsTotal: number;
  p95Ms: number;
}

export async function playDashboards(stage: Stage): Promise<Claim[]> {
  const forMs = stage.size(15_000, 4_000);
  const ops = await stage.token('service_role', 'service');
  const total = await stage.request(ops, '/rest/v1/telematics?select=vehicle_id&limit=1', {
    headers: { 'accept-profile': 'fleet', prefer: 'count=estimated' },
  });
  const rows = total.headers.get('content-range')?.split('/')[1] ?? 'unknown';
  stage.say(`${CLIENTS} clients read dashboards over ${rows} measurements`);
  const tokens = await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => {
      const organization_id = 1 + (n % ORGANIZATIONS);
      return stage.token('authenticated', `manager-${n}`, { organization_id, fleet_role: 'manager' });
    }),
  );
  const reader = new LightReader(stage.url, CLIENTS, 'fleet');
  try {
    // The first answers wait for connections and plans that later ones find.
    await readFor(WARM_UP_MS, tokens, (token, path) => reader.get(token, path));
    return await measure(stage, reader, tokens, { rows, forMs });
  } finally {
    await reader.close();
  }
}

async function measure(
  stage: Stage,
  reader: LightReader,
  tokens: readonly string[],
  { rows, forMs }: { rows: string; forMs: number },
): Promise<Claim[]> {
  const reading = new Times();
  const sources = new Map<string, number>();
  const load = new Load();
  const began = performance.now();
  await readFor(forMs, tokens, async (token, path) => {
    const source = await reading.of(() => reader.get(token, path));
    sources.set(source, (sources.get(source) ?? 0) + 1);
    stage.draw('ms of reading', Math.round(performance.now() - began), forMs, () => `${reading.count} reads`);
  });
  const busy = load.describe();
  const from = [...sources].map(([source, count]) => `${count} from the ${source}`).join(', ');
  const perSecond = Math.round(reading.count / ((performance.now() - began) / 1_000));
  return [
    speed(
      `dashboards over ${rows} measurements with ${CLIENTS} clients: read p95 < ${READ_P95_MS} ms`,
      reading.p95 < READ_P95_MS,
      `${ms(reading.p95)}, ${perSecond} reads/s (${from}); ${reader.refused} were told to come again; ${busy}`,
    ),
    await statements(stage),
  ];
}

async function readFor(
  forMs: number,
  tokens: readonly string[],
  read: (token: string, path: string) => Promise<unknown>,
): Promise<void> {
  const began = performance.now();
  await Promise.all(
    tokens.map(async (token, n) => {
      for (let turn = 0; performance.now() - began < forMs; turn += 1) await read(token, pathOf(n, turn));
    }),
  );
}

/** Each turn asks for another vehicle or period, so that most answers come from the database. */
function pathOf(client: number, turn: number): string {
  const organization = 1 + (client % ORGANIZATIONS);
  // Vehicles n and n + 8 are of one organization, and each third vehicle has a device.
  const vehicle = organization + 7 + 24 * ((client * 31 + turn * 7) % Math.floor(VEHICLES / 24 - 1));
  const withDevice = vehicle + (vehicle % 3) * 8;
  const from = new Date(Date.now() - (3 + ((client + turn) % 60)) * DAY_MS).toISOString();
  const paths = [
    `telematics?vehicle_id=eq.${withDevice}&recorded_at=gte.${from}&order=recorded_at.desc&limit=100`,
    `telematics?vehicle_id=eq.${withDevice}&recorded_at=gte.${from}&select=speed_kmh.avg(),speed_kmh.max(),count()`,
    `vehicles?status=eq.in_repair&select=id,plate,work_orders(title,status)&order=id&limit=20&offset=${turn % 5}`,
    `alerts?vehicle_id=eq.${vehicle}&order=created_at.desc&limit=20`,
    `fuel?vehicle_id=eq.${vehicle}&select=filled_at,liters,cost&order=filled_at.desc&limit=20`,
    `maintenance?vehicle_id=eq.${vehicle}&order=due_on.desc&limit=20`,
  ];
  return `/rest/v1/${paths[(client + turn) % paths.length]}`;
}

async function statements(stage: Stage): Promise<Claim> {
  const claim = `statement p95 < ${STATEMENT_P95_MS} ms`;
  // Figures of the statements arrive with the telemetry of the next seconds.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const { statements: all } = await stage.performance<{ statements: Figures[] }>('queries/stats?limit=200');
  const reads = all.filter(({ text, callsTotal }) => /\bfleet"?\./.test(text) && callsTotal >= 20);
  if (reads.length === 0) {
    return speed(claim, false, `not measured: none of ${all.length} statements of the performance API is of fleet`);
  }
  // The p95 of all calls lies below this: the one of each statement, weighted by its calls.
  const calls = reads.reduce((sum, { callsTotal }) => sum + callsTotal, 0);
  const sorted = [...reads].sort((a, b) => a.p95Ms - b.p95Ms);
  let counted = 0;
  const at = sorted.find(({ callsTotal }) => {
    counted += callsTotal;
    return counted >= calls * 0.95;
  });
  const p95 = at?.p95Ms ?? Number.POSITIVE_INFINITY;
  return speed(claim, p95 < STATEMENT_P95_MS, `${ms(p95)}, by ${reads.length} statements with ${calls} calls`);
}
