/** A user with three devices: settings that follow, a batch over thousands of images, and a service with a rate limit. */
import { drawCells } from '@tidemark/blueprints';
import type { Job, LiveQuery, TidemarkClient } from '@tidemark/client';
import { type Claim, holds, speed, unmeasured } from '../claim.ts';
import { percent, seconds } from '../figures.ts';
import { outsidePort } from '../outside/ports.ts';
import { startShop } from '../outside/shop.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { within } from '../together.ts';

const DEVICES = ['phone', 'tablet', 'laptop'] as const;
/** Files that are uploaded; a batch of more images reads each of them several times. */
const DRAWN = 150;
const BATCH_S = 300;
const MEMORY_GROWTH = 0.1;
const PATIENCE_MS = 20_000;
const SHOP_PER_SECOND = 10;

interface Device {
  readonly client: TidemarkClient;
  readonly preferences: LiveQuery<{ key: string; value: unknown }>;
  readonly jobs: LiveQuery<Job>;
}

export async function playSync(stage: Stage): Promise<Claim[]> {
  const sub = `user-${stage.run}`;
  const devices: Device[] = [];
  for (const _platform of DEVICES) {
    const client = await stage.client(sub, { schema: 'sync' });
    const preferences = client.from('preferences').select('owner,key,value').live() as unknown as Device['preferences'];
    const jobs = client.schema('tidemark').from('jobs').select().live() as unknown as Device['jobs'];
    devices.push({ client, preferences: await preferences.ready(), jobs: await jobs.ready() });
  }
  const [first] = devices as [Device];
  await rowsOf(first.client.from('devices').insert(DEVICES.map((platform) => ({ name: platform, platform }))));
  const claims = [await settings(stage, devices), ...(await batch(stage, devices)), await outside(stage, first.client)];
  await cleanUp(first.client);
  return claims;
}

async function settings(stage: Stage, devices: readonly Device[]): Promise<Claim> {
  stage.say(`${devices.length} devices of a user change settings`);
  const rounds = stage.size(50, 10);
  for (let round = 0; round < rounds; round += 1) {
    const { client } = devices[round % devices.length] as Device;
    await rowsOf(
      client.from('preferences').upsert({ key: `k${round % 7}`, value: { round } }, { onConflict: 'owner,key' }),
    );
    stage.draw('settings changed', round + 1, rounds);
  }
  const last = new Map(Array.from({ length: rounds }, (_, round) => [`k${round % 7}`, round]));
  const isEqual = ({ preferences }: Device) =>
    preferences.rows.length === last.size &&
    preferences.rows.every(({ key, value }) => (value as { round: number }).round === last.get(key));
  await within(PATIENCE_MS, () => devices.every(isEqual));
  const equal = devices.filter(isEqual).length;
  return holds(
    'settings changed on one device appear on the others',
    equal === devices.length,
    `${equal} of ${devices.length} devices after ${rounds} changes`,
  );
}

async function batch(stage: Stage, devices: readonly Device[]): Promise<Claim[]> {
  const [{ client }] = devices as [Device];
  const count = Math.min(10_000, stage.size(10_000, 100));
  stage.say(`${count} images of ${Math.min(DRAWN, count)} files are made smaller in one batch`);
  const files: string[] = [];
  for await (const { name, bytes } of drawCells({ count: Math.min(DRAWN, count), seed: 11 })) {
    const body = new Blob([new Uint8Array(bytes)], { type: 'image/png' });
    files.push((await client.files.upload(`batch-${stage.run}/${name}`, body)).id);
    stage.draw('images uploaded', files.length, Math.min(DRAWN, count));
  }
  const inputs = Array.from({ length: count }, (_, n) => files[n % files.length] as string);
  const [album] = await rowsOf<{ id: number }>(
    client
      .from('albums')
      .insert({ name: `Batch ${stage.run}` })
      .select('id'),
  );
  const before = await memory(stage);
  const began = performance.now();
  const transform = { resize: { width: 64 }, format: 'webp' };
  const { id } = await client.jobs.start({
    kind: 'image.transform',
    spec: { input: { files: inputs }, transform },
  });
  await rowsOf(client.from('batches').insert({ album_id: album?.id, title: 'Smaller copies', job_id: id }));
  const versions = devices.map(() => 0);
  const finals = devices.map(() => '');
  devices.forEach(({ jobs }, n) => {
    jobs.onChange((rows) => {
      const job = rows.find((one) => one.id === id);
      if (!job) return;
      versions[n] = (versions[n] ?? 0) + 1;
      if (job.finished_at !== null) finals[n] = `${job.state} ${job.done}`;
      if (n === 0) stage.draw('images made smaller', job.done + job.failed, job.total || count);
    });
  });
  await within(BATCH_S * 4_000, () => finals.every((state) => state !== ''));
  const tookMs = performance.now() - began;
  const after = await memory(stage);
  const growth = after / before - 1;
  const outputs = await client.jobs.get(id);
  return [
    holds(
      `a batch of ${count} images (of ${files.length} files), live on every device`,
      finals.every((state) => state === `succeeded ${count}`) && versions.every((seen) => seen >= 2),
      `${finals.join(', ')}; each device saw ${Math.min(...versions)} or more states; ${outputs.failed} failed`,
    ),
    speed(
      `the batch takes < ${BATCH_S} s`,
      tookMs < BATCH_S * 1_000,
      `${seconds(tookMs)}, ${Math.round(count / (tookMs / 1_000))} images/s`,
    ),
    speed(
      `memory grows by < ${percent(MEMORY_GROWTH)} with the batch`,
      growth < MEMORY_GROWTH,
      `${percent(growth)}: the processes of gateway, realtime and batch had ${mb(before)} before and ${mb(after)} after`,
    ),
  ];
}

const mb = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`;

/** Resident memory of the services that take part, as they report it. */
async function memory(stage: Stage): Promise<number> {
  // Two rounds of telemetry, so that the figures are of now.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const { instances } = await stage.performance<{ instances: { service: string; rssBytes: number }[] }>('memory');
  return instances.filter(({ service }) => service !== 'metrics').reduce((sum, { rssBytes }) => sum + rssBytes, 0);
}

async function outside(stage: Stage, client: TidemarkClient): Promise<Claim> {
  const claim = `the limit of an outside service (${SHOP_PER_SECOND}/s) is respected`;
  const shop = await startShop(outsidePort(stage, 'shop'), SHOP_PER_SECOND);
  try {
    const calls = stage.size(300, 40);
    stage.say(`${calls} calls to a service that allows ${SHOP_PER_SECOND} a second`);
    const items = Array.from({ length: calls }, (_, n) => ({ n }));
    const request = { method: 'POST' as const, url: `http://${shop.host}/orders/{{n}}`, body: { n: '{{n}}' } };
    const { id } = await client.jobs.start({ kind: 'http.call', spec: { request, items } });
    const ended = await client.jobs.finished(id, ({ done, total }) =>
      stage.draw('calls answered', done, total, () => `${shop.refused()} refused`),
    );
    if (shop.accepted() === 0) {
      const error = ended.error as { message?: string } | null;
      return unmeasured(claim, `${error?.message ?? 'no call came'}. Start with BATCH_HTTP_HOSTS=${shop.host}`);
    }
    const attempts = (await client.jobs.items(id, { limit: 1_000 })).reduce(
      (most, one) => Math.max(most, one.attempts),
      0,
    );
    return holds(
      claim,
      ended.state === 'succeeded' && shop.orders() === calls,
      `${shop.orders()} of ${calls} orders, once each; ${shop.refused()} calls were refused and came again after Retry-After; at most ${attempts} counted attempts`,
    );
  } finally {
    await shop.close();
  }
}

async function cleanUp(client: TidemarkClient): Promise<void> {
  await rowsOf(client.schema('tidemark').from('files').delete().not('id', 'is', null));
  for (const table of ['batches', 'albums', 'preferences', 'devices']) {
    await rowsOf(client.from(table).delete().not('owner', 'is', null));
  }
}
