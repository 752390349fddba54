/** Images through the whole path against a bare loop of sharp with as many threads, on the same files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { atLeast, equal, type Finding, none, type Trial, type TrialContext } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { request } from '../../processes/request-reply.ts';
import { forkModule, ready, stopChild } from '../../processes/server.ts';
import type { BareRound } from '../bare-sharp-process.ts';
import { nameImages, storeDifferentImages, widths } from '../image-files.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

/** Each round makes other outputs than those before. */
const widthOf = (round: number) => 320 - round;
const COUNT = { quick: 24, full: 10_000 };
/** A round of 10,000 images up to 8,000 pixels would take ten minutes, so that each makes a part of them. */
const ROUNDS = { equal: { rounds: 3, parts: 1 }, 'log-uniform': { rounds: 10, parts: 10 } };
const TARGET = { quick: 0, full: 0.9 };
const MAX_WIDTH = { quick: 1_000, full: 8_000 };
/** The first images of a process are slow. */
const WARM_UP = { quick: 12, full: 200 };
const LOOP_MS = 900_000;

export const images = imagesOf('images', 'equal', '1,280-pixel JPEGs');
export const imageSizes = imagesOf('image-sizes', 'log-uniform', 'JPEGs of 64 to 8,000 pixels');

function imagesOf(name: string, kind: 'equal' | 'log-uniform', what: string): Trial {
  return {
    name,
    claim: `${what} are made smaller at 0.9 times the rate of a bare sharp loop, and each output is valid`,
    limitMs: LOOP_MS * 6,
    run: (context) => run(context, kind),
  };
}

async function run(context: TrialContext, kind: 'equal' | 'log-uniform'): Promise<Finding[]> {
  const { mode } = context;
  const { rounds, parts } = context.quick ? { rounds: 1, parts: 1 } : ROUNDS[kind];
  const count = Math.ceil(Number(process.env.BENCH_IMAGES ?? COUNT[mode]) / parts);
  const threads = availableParallelism();
  const services = await startBatchServices(context, { BATCH_THREADS: String(threads) });
  const files = await storeDifferentImages(services.filesDir, widths(kind, MAX_WIDTH[mode]), count);
  const out = await mkdtemp(join(tmpdir(), 'tidemark-bench-sharp-'));
  context.cleanup(() => rm(out, { recursive: true, force: true }));
  const child = forkModule(fileURLToPath(new URL('../bare-sharp-process.js', import.meta.url)), {
    env: { MALLOC_ARENA_MAX: '2' },
  });
  context.cleanup(() => stopChild(child));
  await ready(child, 'bare sharp');
  const bare = async (images: number, width: number) => {
    const task: BareRound = { paths: files.map(({ path }) => path), count: images, out, threads, width };
    return (images / (await request<{ ms: number }>(child, task, LOOP_MS)).ms) * 1_000;
  };
  const findings: Finding[] = [];
  const ours = async (images: number, width: number) => {
    const prefix = `in-${width}/`;
    await nameImages(services, files, prefix, images);
    const job = await services.submit('image.transform', {
      input: { prefix },
      transform: { resize: { width }, format: 'jpeg' },
    });
    const rate = images / (await services.seconds(job, images));
    findings.push(...(await checkOutputs(services, job, images, width)));
    return rate;
  };
  await bare(WARM_UP[mode], widthOf(0));
  await ours(WARM_UP[mode], widthOf(0));
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const loop = await bare(count, widthOf(round));
    const made = await ours(count, widthOf(round));
    context.log(`batch: ${made.toFixed(1)} images/s; bare sharp: ${loop.toFixed(1)} images/s`);
    ratios.push(made / loop);
  }
  return [
    atLeast('times a bare sharp loop', TARGET[mode], median(ratios)),
    ...findings.filter(({ ok }) => !ok),
    valid(findings),
  ];
}

const valid = (findings: readonly Finding[]) =>
  equal(
    'rounds whose outputs are all there and valid',
    findings.length / 2,
    findings.filter(({ ok }) => ok).length / 2,
  );

const CHECKS = 16;

/** A small input's own height is rounded, too. The rows have the right sizes, and each different content is decoded. */
async function checkOutputs(
  { stack, filesDir }: BatchServices,
  job: string,
  count: number,
  width: number,
): Promise<Finding[]> {
  const outputs = await stack.primary.query<{ key: string; rows: number; height: number }>(
    `select c.storage_key as key, count(*)::int as rows, min((f.metadata ->> 'height')::int) as height
     from tidemark.files f join tidemark.file_contents c using (id)
     where job_id = $1 and f.content_type = 'image/jpeg' and (metadata ->> 'width')::int = $2 group by 1`,
    [job, width],
  );
  let wrong = 0;
  const check = async ({ key, rows, height }: (typeof outputs)[number]) => {
    const { info } = await sharp(join(filesDir, key), { failOn: 'warning' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const isRight = info.width === width && info.height === height && Math.abs(height - width * 0.75) <= 3;
    if (!isRight) wrong += rows;
  };
  for (let at = 0; at < outputs.length; at += CHECKS) await Promise.all(outputs.slice(at, at + CHECKS).map(check));
  return [
    equal(
      'outputs',
      count,
      outputs.reduce((sum, { rows }) => sum + rows, 0),
    ),
    none('outputs of another size', wrong),
  ];
}
