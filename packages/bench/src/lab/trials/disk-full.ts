/** The disk under everything that `tidemark up` runs is filled to the last byte, and freed again. */
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { Agent, request } from 'undici';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { answered, pause, until } from '../../measuring/waiting.ts';
import { SERVICE_NAMES } from '../../processes/services.ts';
import { ENTRIES, nothingLost, startRecordedLoad } from '../load/recorded-load.ts';
import { probe } from '../setup/four-services.ts';
import { mountSmallDisk, type SmallDisk } from '../setup/small-disk.ts';
import { startTidemarkUp, type TidemarkUp } from '../setup/tidemark-up.ts';
import { atLeast, equal, type Finding, none, type Trial, type TrialContext } from '../trial.ts';

const DISK_MB = 420;
const FULL_MS = { quick: 1_000, full: 60_000 };
const WRITERS = 4;
/** Postgres recovers, NATS restarts, and the relay resumes. */
const RECOVERY_MS = 90_000;
const HELLO = JSON.stringify({ op: 'subscribe', id: 'a', query: 'entries?id=eq.after', snapshot: false });
const UPLOADED = new Set([200, 201]);
/** 1 GB of WAL in all, which needs a new segment for certain. */
const MAX_MESSAGES = 256;
const MESSAGE_BYTES = 4 * 1024 ** 2;
const REFUSALS = new Set([503, 507]);

export const diskFull: Trial = {
  name: 'disk-full',
  claim:
    'on a full disk every service keeps running and says so; nothing acknowledged is lost, and with space all resume',
  async run(context): Promise<Finding[]> {
    const disk = await mountSmallDisk(context, DISK_MB);
    if (typeof disk === 'string') {
      context.log(`skipped: ${disk}`);
      return [{ what: 'a small disk', expected: 'one, or a reason', got: disk, ok: true }];
    }
    const up = await startTidemarkUp(context, disk.path);
    await runScript(up.primaryUrl, `${ENTRIES} alter publication tidemark add table public.entries;`);
    return fillAndFree(context, disk, up);
  },
};

async function fillAndFree(context: TrialContext, disk: SmallDisk, up: TidemarkUp): Promise<Finding[]> {
  const { log } = context;
  const load = context.stopAtEnd(startRecordedLoad(up.url, { clients: WRITERS }));
  await until('the first inserts', () => load.acknowledged.size > 10);

  await disk.fill();
  const filledAt = performance.now();
  const refusedWrites = () => load.responses.filter(({ at, status }) => at > filledAt && REFUSALS.has(status)).length;
  await until('a write to be refused', () => refusedWrites() > 0, RECOVERY_MS);
  await fillWal(up.primaryUrl);
  await until('the primary to end', () => /Postgres primary ended for want/.test(up.output()), RECOVERY_MS);
  const endsAt = performance.now() + FULL_MS[context.mode];
  const probes: (number | string)[] = [];
  const uploads: number[] = [];
  while (performance.now() < endsAt) {
    for (const name of SERVICE_NAMES) probes.push(await probe(up.urlOf(name)));
    uploads.push(await upload(up));
    // Postgres may free space meanwhile.
    await disk.fill();
    await pause(100);
  }
  const meanwhile = load.responses.filter(({ at }) => at > filledAt);
  const statuses = [...new Set(meanwhile.map(({ status }) => status))].sort();
  log(
    `while full: ${meanwhile.length} responses (${statuses.join(', ')}), uploads ${[...new Set(uploads)].join(', ')}`,
  );
  const found = [
    equal('`tidemark up` runs while the disk is full', true, up.running()),
    none('unanswered probes', probes.filter((status) => status !== 200).length),
    atLeast('writes refused with 503 or 507', 1, refusedWrites()),
    none('uploads with other statuses than 503 and 507', uploads.filter((status) => !REFUSALS.has(status)).length),
  ];

  await disk.free();
  const freedAt = performance.now();
  const acknowledged = load.acknowledged.size;
  const resumes = async (what: string, isTrue: () => boolean | Promise<boolean>) => {
    await until(() => `${what}: ${up.output()}`, isTrue, RECOVERY_MS);
    log(`${what} after ${((performance.now() - freedAt) / 1_000).toFixed(1)} s`);
  };
  await resumes('writes resume', () => load.acknowledged.size > acknowledged);
  await resumes('uploads resume', async () => UPLOADED.has(await upload(up)));
  await resumes('changes are delivered', () => isDelivered(up));
  await load.stop();
  for (const name of SERVICE_NAMES) {
    await resumes(`${name} is ready`, async () => (await probe(up.urlOf(name), '/readyz')) === 200);
  }
  for (const line of up.output().split('\n')) if (/space|again|ended/.test(line)) log(line);
  return [...found, equal('`tidemark up` runs in the end', true, up.running()), await nothingLost(up.primaryUrl, load)];
}

/**
 * Postgres keeps spare segments, and ends with PANIC when it needs another without space. Logical messages fill them
 * without the privilege that `pg_switch_wal` needs.
 */
async function fillWal(primaryUrl: string): Promise<void> {
  try {
    await withClient(primaryUrl, async (sql) => {
      for (let n = 0; n < MAX_MESSAGES; n += 1) {
        await answered(sql.unsafe(`select pg_logical_emit_message(false, 'lab', repeat('x', ${MESSAGE_BYTES}))`));
      }
    });
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (/^[0-9A-Z]{5}$/.test(code) && !/^(53|57|58|XX)/.test(code)) throw error;
  }
}

async function upload(up: TidemarkUp): Promise<number> {
  const dispatcher = new Agent({ headersTimeout: 20_000 });
  try {
    const response = await request(`${up.url}/api/v1/files/lab/upload`, {
      dispatcher,
      method: 'PUT',
      headers: { authorization: `Bearer ${up.tokens.service}`, 'content-type': 'application/octet-stream' },
      body: Buffer.alloc(300_000),
    });
    await response.body.dump();
    return response.statusCode;
  } catch {
    return 0;
  } finally {
    await dispatcher.destroy();
  }
}

async function isDelivered(up: TidemarkUp): Promise<boolean> {
  let isReady = false;
  let changes = 0;
  const socket = openRawSocket({
    url: up.url,
    hello: HELLO,
    onReady() {
      isReady = true;
    },
    onChange() {
      changes += 1;
    },
  });
  try {
    await until('a subscription', () => isReady, 3_000);
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
