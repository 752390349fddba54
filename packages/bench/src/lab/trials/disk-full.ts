/** The disk under everything that `tidemark up` runs is filled to the last byte, and freed again. */
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { Agent, request } from 'undici';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { answered, pause, until } from '../../measuring/waiting.ts';
import { createEntries, startRecordedLoad } from '../load/recorded-load.ts';
import { probeAt, SERVICE_NAMES } from '../setup/four-services.ts';
import { mountSmallDisk, type SmallDisk } from '../setup/small-disk.ts';
import { startTidemarkUp, type TidemarkUp } from '../setup/tidemark-up.ts';
import { atLeast, equal, type Finding, type Trial, type TrialContext } from '../trial.ts';

/** Two Postgres nodes with some segments of WAL, and NATS. */
const DISK_MB = 420;
/** Time for which the disk is full, ms. */
const FULL_MS = { quick: 1_000, full: 60_000 };
const WRITERS = 4;
/** Postgres recovers, NATS restarts, the relay goes on. */
const RECOVERY_MS = 90_000;
const HELLO = JSON.stringify({ op: 'subscribe', id: 'a', query: 'entries?id=eq.after', snapshot: false });
const UPLOADED = new Set([200, 201]);
/** Together 1 GB of WAL, which is sure to need a segment that there is no space for. */
const MAX_MESSAGES = 256;
const MESSAGE_BYTES = 4 * 1024 ** 2;
/** Statuses that a client may get while nothing can be written. */
const REFUSALS = new Set([503, 507]);

export const diskFull: Trial = {
  name: 'disk-full',
  claim:
    'on a full disk every service runs on and says so; nothing acknowledged is lost, and with space work goes on by itself',
  async run(context): Promise<Finding[]> {
    const disk = await mountSmallDisk(context, DISK_MB);
    if (typeof disk === 'string') {
      context.log(`skipped: ${disk}`);
      return [{ what: 'a small disk', expected: 'one, or a reason', got: disk, ok: true }];
    }
    const up = await startTidemarkUp(context, disk.path);
    await createEntries(up.primaryUrl);
    await runScript(up.primaryUrl, 'alter publication tidemark add table public.entries');
    return tryDisk(context, disk, up);
  },
};

async function tryDisk(context: TrialContext, disk: SmallDisk, up: TidemarkUp): Promise<Finding[]> {
  const { cleanup, log, quick } = context;
  const load = startRecordedLoad(up.url, { clients: WRITERS });
  cleanup(() => load.stop());
  await until('the first inserts', () => load.acknowledged.size > 10);

  await disk.fill();
  const filledAt = performance.now();
  const refusedWrites = () => load.answers.filter(({ at, status }) => at > filledAt && REFUSALS.has(status)).length;
  await until('a write to be refused', () => refusedWrites() > 0, RECOVERY_MS);
  await fillWal(up.primaryUrl);
  await until('the primary to have ended', () => /Postgres primary ended for want/.test(up.output()), RECOVERY_MS);
  const ended = performance.now() + (quick ? FULL_MS.quick : FULL_MS.full);
  const probes: (number | string)[] = [];
  const uploads: number[] = [];
  while (performance.now() < ended) {
    for (const name of SERVICE_NAMES) probes.push(await probeAt(up.urlOf(name)));
    uploads.push(await upload(up));
    // Space that Postgres frees meanwhile is filled as well.
    await disk.fill();
    await pause(100);
  }
  const meanwhile = load.answers.filter(({ at }) => at > filledAt);
  const statuses = [...new Set(meanwhile.map(({ status }) => status))].sort();
  log(`while full: ${meanwhile.length} answers (${statuses.join(', ')}), uploads ${[...new Set(uploads)].join(', ')}`);
  const found = [
    equal('`tidemark up` runs', true, up.running()),
    equal('probes of services that were not answered', 0, probes.filter((status) => status !== 200).length),
    atLeast('writes refused with 503 or 507', 1, refusedWrites()),
    equal('uploads answered with anything but 503 or 507', 0, uploads.filter((status) => !REFUSALS.has(status)).length),
  ];

  await disk.free();
  const freedAt = performance.now();
  const acknowledged = load.acknowledged.size;
  await until(
    () => `writes to go on: ${up.output()}`,
    () => load.acknowledged.size > acknowledged,
    RECOVERY_MS,
  );
  log(`writes go on after ${((performance.now() - freedAt) / 1_000).toFixed(1)} s`);
  await until(
    () => `uploads to go on: ${up.output()}`,
    async () => UPLOADED.has(await upload(up)),
    RECOVERY_MS,
  );
  await until(
    () => `changes to be delivered: ${up.output()}`,
    () => isDelivered(up),
    RECOVERY_MS,
  );
  log(`changes are delivered after ${((performance.now() - freedAt) / 1_000).toFixed(1)} s`);
  await load.stop();
  const ready = async (name: (typeof SERVICE_NAMES)[number]) => (await probeAt(up.urlOf(name), '/readyz')) === 200;
  for (const name of SERVICE_NAMES) await until(`${name} to be ready again`, () => ready(name), RECOVERY_MS);
  for (const line of up
    .output()
    .split('\n')
    .filter((line) => /space|again|ended/.test(line)))
    log(line);
  return [
    ...found,
    equal('`tidemark up` runs on', true, up.running()),
    equal('acknowledged inserts that are missing', 0, await missing(up.primaryUrl, load.acknowledged)),
  ];
}

/**
 * Postgres has segments of WAL in stock; when it needs another and there is no space, it ends with PANIC. Messages fill segments
 * without any right, which `pg_switch_wal` would take.
 */
async function fillWal(primaryUrl: string): Promise<void> {
  try {
    await withClient(primaryUrl, async (sql) => {
      for (let n = 0; n < MAX_MESSAGES; n += 1) {
        await answered(sql.unsafe(`select pg_logical_emit_message(false, 'lab', repeat('x', ${MESSAGE_BYTES}))`));
      }
    });
  } catch (error) {
    // The end of the server, or a refusal for want of space, is what is wanted.
    const { code = '' } = error as { code?: string };
    if (/^[0-9A-Z]{5}$/.test(code) && !/^(53|57|58|XX)/.test(code)) throw error;
  }
}

async function missing(primaryUrl: string, acknowledged: ReadonlySet<string>): Promise<number> {
  return withClient(primaryUrl, async (sql) => {
    const rows = await sql.unsafe<{ id: string }[]>('select id from public.entries');
    const ids = new Set(rows.map(({ id }) => id));
    return [...acknowledged].filter((id) => !ids.has(id)).length;
  });
}

async function upload(up: TidemarkUp): Promise<number> {
  const agent = new Agent({ headersTimeout: 20_000 });
  try {
    const answer = await request(`${up.url}/api/v1/files/lab/upload`, {
      dispatcher: agent,
      method: 'PUT',
      headers: { authorization: `Bearer ${up.tokens.service}`, 'content-type': 'application/octet-stream' },
      body: Buffer.alloc(300_000),
    });
    await answer.body.dump();
    return answer.statusCode;
  } catch {
    return 0;
  } finally {
    void agent.destroy();
  }
}

/** Whether a row that is written now comes to a subscriber. */
async function isDelivered(up: TidemarkUp): Promise<boolean> {
  let ready = false;
  let changes = 0;
  const socket = openRawSocket({
    dialect: 'tidemark',
    port: Number(new URL(up.url).port),
    path: '/live',
    token: undefined,
    hello: HELLO,
    onReady() {
      ready = true;
    },
    onChange() {
      changes += 1;
    },
    onOther: () => undefined,
  });
  try {
    await until('a subscription', () => ready, 3_000);
    await runScript(
      up.primaryUrl,
      `insert into public.entries (id) values ('after') on conflict (id) do update set note = clock_timestamp()::text`,
    );
    await until('its change', () => changes > 0, 5_000);
    return true;
  } finally {
    socket.destroy();
  }
}
