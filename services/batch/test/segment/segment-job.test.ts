import { metricsPage } from '@tidemark/testing';
import { startModelServer } from '@tidemark/testing/media';
import sharp from 'sharp';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { addPoison, POISON_CODES } from '../poison-files.ts';
import { box, disc, overlap, pngOf } from './shapes.ts';

const models = await startModelServer({
  gathers: { model: 'gathers', images: 4 },
  misbehave(model, call, response) {
    if (model === 'limited' && call <= 3) response.writeHead(429, { 'retry-after': '0' }).end('slow down');
    else if (model === 'broken') response.writeHead(500).end('out of memory');
    else if (model === 'nonsense')
      response.end('{"outputs": [{"name": "scores", "datatype": "FP32", "shape": [1, 2], "data": "x"}]}');
    else if (model !== 'hangs') return false;
    return true;
  },
});
t.teardown(() => models.close());
const stack = await openBatchStack(t);
const env = {
  BATCH_MEMORY_MB: '64',
  SEGMENT_MODEL_URL: models.url,
  SEGMENT_CONCURRENCY: '4',
  SEGMENT_TIMEOUT_MS: '12000',
};
const batch = await stack.startBatch(env);

async function segmented(spec: object) {
  const id = await stack.insertJob(spec, { kind: 'image.segment' });
  const job = await stack.ended(id, 60_000);
  const items = await stack.query(
    'select index, value, code, error, attempts, files from tidemark.job_items where job_id = $1 order by index',
    [id],
  );
  const outputs = await stack.outputsOf(id);
  const read = async (type: string) => {
    const file = outputs.find(({ content_type }) => content_type === type)!;
    return stack.store.read(file.storage_key, 1e8);
  };
  return { job, items, outputs, read };
}

/** In the order of their first pixels. */
const shapes = [box(130, 20, 60, 90), disc(60, 60, 40)];
const drawing = { shapes, width: 220, height: 140, noise: 10 };

t.test('a threshold gives polygons, run lengths and a mask of the same objects', async (t) => {
  const file = await stack.addFile('shapes/a.png', await pngOf(drawing));
  const { job, items, outputs, read } = await segmented({ input: { files: [file] } });
  t.match(job, { state: 'succeeded' });
  t.match(items[0]!.value, { objects: 2, width: 220, height: 140, omitted: 0 });
  t.same(outputs.map(({ content_type }) => content_type).sort(), [
    'application/geo+json',
    'application/json',
    'image/png',
  ]);
  const geojson = JSON.parse(String(await read('application/geo+json')));
  t.match(geojson.features[0], {
    id: 1,
    geometry: { type: 'Polygon' },
    properties: { box: [130, 20, 60, 90], area: 5_400 },
  });
  const coco = JSON.parse(String(await read('application/json')));
  t.match(coco.annotations[0], { id: 1, bbox: [130, 20, 60, 90], area: 5_400, segmentation: { size: [140, 220] } });
  const mask = await sharp(await read('image/png'))
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer();
  const numbers = new Uint16Array(mask.buffer, mask.byteOffset, mask.byteLength / 2);
  for (const [n, shape] of shapes.entries()) {
    const iou = overlap(drawing, shape, (x, y) => numbers[y * 220 + x] === n + 1);
    t.ok(iou >= 0.95, `${iou}`);
  }
});

t.test('images are upright, CMYK is converted, and of an animation the first frame counts', async (t) => {
  const png = await pngOf({ ...drawing, noise: 0 });
  const frames = [png, await sharp(png).negate().png().toBuffer()];
  const inputs = {
    'turned.jpg': await sharp(png).rotate(90).withMetadata({ orientation: 8 }).jpeg({ quality: 95 }).toBuffer(),
    'cmyk.jpg': await sharp(png).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
    'moving.gif': await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer(),
  };
  for (const [name, bytes] of Object.entries(inputs)) await stack.addFile(`odd/${name}`, bytes);
  const { job, items } = await segmented({ input: { prefix: 'odd/' }, outputs: ['geojson'], minArea: 200 });
  t.match(job, { state: 'succeeded', done: 3 });
  for (const { value } of items) t.match(value, { objects: 2, width: 220, height: 140 });
});

t.test('poison files fail alone, each with its reason, by threshold and by model', async (t) => {
  await addPoison(stack, 'poison/');
  for (const model of [undefined, 'scores']) {
    const { job } = await segmented({ input: { prefix: 'poison/' }, ...(model && { model }) });
    t.match(job, { state: 'partly_failed', done: 1, failed: 9 });
    t.same(
      Object.fromEntries(job.error.items.map((e: { name: string; code: string }) => [e.name, e.code])),
      POISON_CODES,
    );
  }
  const page = await metricsPage(batch.url);
  t.ok(Number(/^process_resident_memory_bytes\S* (\d+)/m.exec(page)?.[1]) < 600 * 1024 ** 2);
});

t.test('a model gets at most SEGMENT_CONCURRENCY images at a time, of all instances, and all of those', async (t) => {
  for (let n = 0; n < 16; n += 1) await stack.addFile(`many/${n}.png`, await pngOf({ ...drawing, noise: 1 + n }));
  const second = await stack.startBatch(env);
  const { job, items } = await segmented({ input: { prefix: 'many/' }, model: 'gathers', outputs: ['geojson'] });
  t.match(job, { state: 'succeeded', done: 16 });
  t.equal(models.most(), 4);
  t.ok(items.every(({ value }) => value.objects === 2));
  await second.stop();
});

t.test('a model server that refuses for load is asked again and costs no attempt; others fail by name', async (t) => {
  const input = { files: [await stack.addFile('one.png', await pngOf(drawing))] };
  const limited = await segmented({ input, model: 'limited' });
  t.match(limited.job, { state: 'succeeded' });
  t.match(limited.items, [{ attempts: 1 }]);
  const failed = async (model: string) => (await segmented({ input, model })).items[0];
  t.match(await failed('broken'), {
    code: 'MODEL_500',
    attempts: 3,
    error: { message: /answered 500: out of memory/ },
  });
  t.match(await failed('nonsense'), { code: 'MODEL_ANSWER', attempts: 1 });
});

t.test('a model server that hangs is left after SEGMENT_TIMEOUT_MS, and a spec with a model needs one', async (t) => {
  await batch.stop();
  const hasty = await stack.startBatch({ ...env, SEGMENT_TIMEOUT_MS: '300' });
  const { items } = await segmented({ input: { prefix: 'one' }, model: 'hangs' });
  t.match(items, [{ code: 'MODEL_TIMEOUT', attempts: 3 }]);
  await hasty.stop();
  await stack.startBatch({ SEGMENT_MODEL_URL: '' });
  const { job } = await segmented({ input: { prefix: 'shapes/' }, model: 'scores' });
  t.match(job, { state: 'failed', error: { code: 'BATCH_NO_MODEL_SERVER', hint: /SEGMENT_MODEL_URL/ } });
});
