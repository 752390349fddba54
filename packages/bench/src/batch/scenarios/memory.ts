/** Compares the memory of an instance and its workers for many images with that for a tenth of them. */
import { atMost, type Finding, type Trial } from '../../lab/trial.ts';
import { megabytes } from '../../measuring/statistics.ts';
import { pause } from '../../measuring/waiting.ts';
import { nameImages, storeDifferentImages, widths } from '../image-files.ts';
import { treeBytes } from '../process-tree.ts';
import { startBatchServices } from '../services.ts';

const COUNT = { quick: 40, full: 10_000 };
const REST_MS = { quick: 100, full: 60_000 };
const LOOK_MS = 100;

export const memory: Trial = {
  name: 'memory',
  claim: 'ten times as many images need at most 1.1 times the memory, which is free again a minute later',
  limitMs: 1_800_000,
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const count = Number(process.env.BENCH_IMAGES ?? COUNT[mode]);
    const services = await startBatchServices(context);
    const files = await storeDifferentImages(services.filesDir, widths('equal', 1_280), count);
    const peakOf = async (prefix: string, images: number) => {
      await nameImages(services, files, prefix, images);
      let peak = 0;
      const looking = setInterval(() => {
        peak = Math.max(peak, treeBytes(services.batch.pid));
      }, LOOK_MS);
      try {
        const spec = { input: { prefix }, transform: { resize: { width: 320 }, format: 'jpeg' } };
        await services.seconds(await services.submit('image.transform', spec), images);
      } finally {
        clearInterval(looking);
      }
      return Math.max(peak, treeBytes(services.batch.pid));
    };
    const few = await peakOf('few/', count / 10);
    await pause(REST_MS[mode]);
    const before = treeBytes(services.batch.pid);
    const many = await peakOf('many/', count);
    await pause(REST_MS[mode]);
    const after = treeBytes(services.batch.pid);
    context.log(
      `peaks ${megabytes(few)} and ${megabytes(many)}; at rest ${megabytes(before)} before, ${megabytes(after)} after`,
    );
    const most = (ratio: number) => (context.quick ? 10 : ratio);
    return [
      atMost(`times the peak of ${count / 10} images`, most(1.1), many / few),
      atMost('times the memory at rest before', most(1.1), after / before),
    ];
  },
};
