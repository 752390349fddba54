/** A project of drawn images: uploaded, shown, segmented in a queue, packed, and shared with one member. */

import { type CellImage, drawCells } from '@tidemark/blueprints';
import type { Job, LiveQuery, TidemarkClient } from '@tidemark/client';
import { type Claim, holds, unmeasured } from '../claim.ts';
import { seconds } from '../figures.ts';
import { fileOf, itemsOf, runJob } from '../jobs.ts';
import { type ModelServer, startModelServer } from '../outside/model-server.ts';
import { outsidePort } from '../outside/ports.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { together, within } from '../together.ts';

const UPLOADS = 8;
const AT_THE_MODEL = 4;
const MODEL_MS = 60;
const PATIENCE_MS = 20_000;
/** A region counts as found where the centre of an outline lies this near to its own, in pixels. */
const NEAR = 6;

interface Image {
  id: number;
  file_id: string;
  name: string;
  regions: readonly { polygon: readonly Point[] }[];
}
type Point = readonly [number, number];

export async function playImaging(stage: Stage): Promise<Claim[]> {
  const sub = `owner-${stage.run}`;
  const owner = await stage.client(sub, { schema: 'imaging' });
  const [project] = await rowsOf<{ id: number }>(
    owner
      .from('projects')
      .insert({ name: `Cells of ${stage.run}` })
      .select('id'),
  );
  const id = project?.id as number;
  const model = await startModelServer(outsidePort(stage, 'model'), MODEL_MS);
  try {
    const images = await upload(stage, owner, id);
    return [
      await thumbnails(stage, owner, images),
      ...(await segment(stage, owner, id, images)),
      await atTheModel(stage, owner, images, model),
      await archive(stage, owner, id, images.length),
      await sharing(stage, owner, id, images),
    ];
  } finally {
    await model.close();
    await rowsOf(owner.schema('tidemark').from('files').delete().eq('bucket', 'imaging').like('path', `${id}/*`));
    await rowsOf(owner.from('projects').delete().eq('id', id));
  }
}

async function upload(stage: Stage, owner: TidemarkClient, project: number): Promise<Image[]> {
  const count = stage.size(400, 24);
  stage.say(`${count} images are drawn and uploaded`);
  const drawn: CellImage[] = [];
  for await (const image of drawCells({ count, seed: 7 })) drawn.push(image);
  let done = 0;
  const rows = await together(drawn, UPLOADS, async ({ name, contentType, bytes, width, height, regions }) => {
    const body = new Blob([new Uint8Array(bytes)], { type: contentType });
    const file = await owner.files.upload(`${project}/${name}`, body, { bucket: 'imaging' });
    done += 1;
    stage.draw('images uploaded', done, count);
    return { project_id: project, file_id: file.id, name, width, height, regions };
  });
  return rowsOf<Image>(owner.from('images').insert(rows).select('id,file_id,name,regions'));
}

async function thumbnails(stage: Stage, owner: TidemarkClient, images: readonly Image[]): Promise<Claim> {
  let made = 0;
  const token = await stage.token('authenticated', `owner-${stage.run}`);
  await together(images, AT_THE_MODEL, async ({ file_id }) => {
    const answer = await stage.request(token, `/api/v1/files/${file_id}?width=128`);
    const head = Buffer.from(await answer.arrayBuffer()).subarray(8, 12);
    if (head.toString('latin1') === 'WEBP') made += 1;
    stage.draw('thumbnails', made, images.length);
  });
  void owner;
  return holds('every image has a thumbnail', made === images.length, `${made} of ${images.length}`);
}

/** Many jobs in a queue, with the live place of the last one; then the outlines over the images. */
async function segment(
  stage: Stage,
  owner: TidemarkClient,
  project: number,
  images: readonly Image[],
): Promise<Claim[]> {
  const jobs = Math.min(90, stage.size(90, 12));
  stage.say(`${images.length} images wait in ${jobs} jobs of a queue`);
  const began = performance.now();
  const started = await together([...Array(jobs).keys()], UPLOADS, (n) => {
    const files = images.filter((_, index) => index % jobs === n).map(({ file_id }) => file_id);
    return owner.jobs.start({ kind: 'image.segment', spec: { input: { files }, outputs: ['geojson'] } });
  });
  const last = started.at(-1)?.id as string;
  const queue = owner
    .schema('tidemark')
    .from('jobs')
    .select('id,state')
    .in(
      'id',
      started.map(({ id }) => id),
    );
  const live = queue.live() as unknown as LiveQuery<Pick<Job, 'id' | 'state'>>;
  await live.ready();
  const places: number[] = [];
  const isOver = ({ state }: { state: string }) => !['queued', 'planning', 'running', 'paused'].includes(state);
  await within(600_000, async () => {
    const over = live.rows.filter(isOver).length;
    const shown = (await owner.jobs.get(last)) as { queue_position?: number | string | null };
    if (shown.queue_position != null) places.push(Number(shown.queue_position));
    stage.draw('jobs have ended', over, jobs, () =>
      places.length > 0 ? `the last one is number ${places.at(-1)}` : '',
    );
    return over === jobs;
  });
  const tookMs = performance.now() - began;
  const succeeded = live.rows.filter(({ state }) => state === 'succeeded').length;
  live.close();
  const falls = (places.at(-1) ?? 0) <= (places[0] ?? 0);
  const outlines: object[] = [];
  let known = 0;
  let found = 0;
  await together(started, UPLOADS, async ({ id }) => {
    for await (const item of itemsOf(owner, id)) {
      const image = images.find(
        ({ file_id }) =>
          file_id === (item.input as { id?: string; file?: string }).id || JSON.stringify(item.input).includes(file_id),
      );
      if (!image || !item.files[0]) continue;
      const geojson = (await (await owner.files.download(item.files[0])).json()) as {
        features: { geometry: { coordinates: Point[][] }; properties: { area?: number } }[];
      };
      const polygons = geojson.features.flatMap(({ geometry, properties }) => {
        const polygon = geometry.coordinates[0];
        if (!polygon) return [];
        outlines.push({
          project_id: project,
          image_id: image.id,
          label: 'cell',
          polygon,
          area: properties.area ?? areaOf(polygon),
          source: 'model',
        });
        return [polygon];
      });
      known += image.regions.length;
      found += image.regions.filter(({ polygon }) =>
        polygons.some((one) => distance(centre(one), centre(polygon)) <= NEAR),
      ).length;
    }
  });
  for (let at = 0; at < outlines.length; at += 500) {
    await rowsOf(owner.from('segmentations').insert(outlines.slice(at, at + 500)));
  }
  const { count: segmented } = await owner
    .from('images')
    .select('id', { count: 'exact', head: true })
    .eq('project_id', project)
    .eq('state', 'segmented');
  return [
    holds(
      'a queue of jobs with the live place of the last one',
      succeeded === jobs && places.length > 0 && falls,
      `${succeeded} of ${jobs} jobs in ${seconds(tookMs)}; its place went from ${places[0] ?? 'unknown'} to ${places.at(-1) ?? 'unknown'}`,
    ),
    holds('the model finds 95 % of the drawn objects', known > 0 && found >= known * 0.95, `${found} of ${known}`),
    holds(
      'outlines are stored over the images',
      segmented === images.length,
      `${outlines.length} outlines, ${segmented} of ${images.length} images segmented`,
    ),
  ];
}

async function atTheModel(
  stage: Stage,
  owner: TidemarkClient,
  images: readonly Image[],
  model: ModelServer,
): Promise<Claim> {
  const claim = `${AT_THE_MODEL} at a time at the model`;
  const files = images.slice(0, stage.size(200, 16)).map(({ file_id }) => file_id);
  const spec = { input: { files }, model: 'cells', outputs: ['geojson'] };
  const { id } = await owner.jobs.start({ kind: 'image.segment', spec });
  const ended = await owner.jobs.finished(id, ({ done, total }) => stage.draw('images at the model', done, total));
  if (model.answered() === 0) {
    const error = ended.error as { message?: string } | null;
    return unmeasured(claim, `${error?.message ?? 'no image came'}. Start with SEGMENT_MODEL_URL=${model.url}`);
  }
  return holds(
    claim,
    ended.state === 'succeeded' && model.most() <= AT_THE_MODEL && model.answered() >= files.length,
    `${model.answered()} images, at most ${model.most()} at a time`,
  );
}

async function archive(stage: Stage, owner: TidemarkClient, project: number, images: number): Promise<Claim> {
  const spec = { input: { bucket: 'imaging', prefix: `${project}/` }, name: 'project' };
  const job = await runJob(stage, owner, { kind: 'archive', spec }, 'archive of the project');
  const file = await fileOf(owner, job.id);
  const whole = Buffer.from(await (await owner.files.download(file)).arrayBuffer());
  const middle = Math.floor(whole.length / 2);
  const parts: Buffer[] = [];
  let partial = 0;
  for (const range of [`bytes=0-${middle - 1}`, `bytes=${middle}-`]) {
    const part = await owner.files.download(file, { range });
    if (part.status === 206) partial += 1;
    parts.push(Buffer.from(await part.arrayBuffer()));
  }
  const isEqual = Buffer.concat(parts).equals(whole);
  const isZip = whole.subarray(0, 2).toString('latin1') === 'PK';
  return holds(
    'the project is one archive, downloaded with Range',
    isZip && isEqual && partial === 2,
    `${whole.length} bytes of ${images} images, in ${partial} parts`,
  );
}

async function sharing(stage: Stage, owner: TidemarkClient, project: number, images: readonly Image[]): Promise<Claim> {
  const member = await stage.client(`member-${stage.run}`, { schema: 'imaging' });
  const stranger = await stage.client(`stranger-${stage.run}`, { schema: 'imaging' });
  const seenBy = async (client: TidemarkClient) => {
    const rows = await rowsOf(client.from('images').select('id').eq('project_id', project).limit(1_000));
    const files = await client.files.list({ bucket: 'imaging', prefix: `${project}/`, limit: 1_000 });
    return rows.length + files.length;
  };
  const live = member.from('images').select('id,name').eq('project_id', project).live();
  await live.ready();
  const before = [live.rows.length, await seenBy(member)];
  await rowsOf(owner.from('shares').insert({ project_id: project, member: `member-${stage.run}`, role: 'viewer' }));
  const came = await within(PATIENCE_MS, () => live.rows.length === images.length);
  const during = await seenBy(member);
  const { error } = await member
    .from('images')
    .delete()
    .eq('project_id', project)
    .select('id')
    .then(({ data, error }) => ({ error: error ?? (data?.length ? { code: 'deleted' } : null) }));
  await rowsOf(owner.from('shares').delete().eq('project_id', project));
  const went = await within(PATIENCE_MS, () => live.rows.length === 0);
  const others = await seenBy(stranger);
  return holds(
    'owner and members only, also live',
    before.every((count) => count === 0) && came && went && others === 0 && during === images.length * 2 && !error,
    `before ${before[1]}, as a member ${during} rows and files, live ${came ? 'came' : 'did not come'} and ${went ? 'went' : 'did not go'}, a stranger ${others}`,
  );
}

const centre = (polygon: readonly Point[]): Point => {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
};
const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const areaOf = (polygon: readonly Point[]) =>
  Math.abs(
    polygon.reduce((sum, [x, y], n) => {
      const [nextX, nextY] = polygon[(n + 1) % polygon.length] as Point;
      return sum + x * nextY - nextX * y;
    }, 0) / 2,
  );
