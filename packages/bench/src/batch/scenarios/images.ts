/** Images through the whole path against a bare loop of sharp with as many threads, on the same files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atLeast, equal, type Finding, none, type Trial, type TrialContext } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { request } from '../../processes/request-reply.ts';
import { forkModule, ready, stopChild } from '../../processes/server.ts';
import type { BareRound } from '../bare-sharp-process.ts';
import { nameImages, storeImages, widths } from '../image-files.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

const WIDTH = 320;
const COUNT = { quick: 24, full: 10_000 };
const ROUNDS = { quick: 1, full: 3 };
const TARGET = { quick: 0, full: 0.9 };
const MAX_WIDTH = { quick: 1_000, full: 8_000 };
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
  const count = Number(process.env.BENCH_IMAGES ?? COUNT[mode]);
  const threads = availableParallelism();
  const services = await startBatchServices(context, { BATCH_THREADS: String(threads) });
  const files = await storeImages(services.filesDir, widths(kind, MAX_WIDTH[mode]));
  const out = await mkdtemp(join(tmpdir(), 'tidemark-bench-sharp-'));
  context.cleanup(() => rm(out, { recursive: true, force: true }));
  const child = forkModule(fileURLToPath(new URL('../bare-sharp-process.js', import.meta.url)), {
    env: { MALLOC_ARENA_MAX: '2' },
  });
  context.cleanup(() => stopChild(child));
  await ready(child, 'bare sharp');
  const bare = async (images: number) => {
    const round: BareRound = { paths: files.map(({ path }) => path), count: images, out, threads, width: WIDTH };
    return (images / (await request<{ ms: number }>(child, round, LOOP_MS)).ms) * 1_000;
  };
  let round = 0;
  const ours = async (images: number) => {
    round += 1;
    const prefix = `in-${round}/`;
    await nameImages(services, files, prefix, images);
    const job = await services.submit('image.transform', {
      input: { prefix },
      transform: { resize: { width: WIDTH }, format: 'jpeg' },
    });
    return { job, rate: images / (await services.seconds(job, images)) };
  };
  await bare(files.length);
  await ours(files.length * 2);
  const ratios: number[] = [];
  let job = '';
  for (let n = 0; n < ROUNDS[mode]; n += 1) {
    const loop = await bare(count);
    const made = await ours(count);
    job = made.job;
    context.log(`batch: ${made.rate.toFixed(1)} images/s; bare sharp: ${loop.toFixed(1)} images/s`);
    ratios.push(made.rate / loop);
  }
  return [
    atLeast('times a bare sharp loop', TARGET[mode], median(ratios)),
    ...(await checkOutputs(services, job, count)),
  ];
}

/** Width and height of each output are those of its input, made smaller, as its row says. */
async function checkOutputs({ stack }: BatchServices, job: string, count: number): Promise<Finding[]> {
  const [row] = await stack.primary.query<{ outputs: number; wrong: number }>(
    `select count(*)::int as outputs, count(*) filter (where content_type <> 'image/jpeg' or size = 0
       or (metadata ->> 'width')::int <> $2 or abs((metadata ->> 'height')::int - $2 * 0.75) > 1)::int as wrong
     from tidemark.files where job_id = $1`,
    [job, WIDTH],
  );
  return [equal('outputs', count, row?.outputs ?? 0), none('outputs of another size or type', row?.wrong ?? 0)];
}
