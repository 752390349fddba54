import type { ImageTransform } from '@tidemark/contracts';
import type { Sharp } from 'sharp';
import { errors } from '../errors.ts';
import { decodedPages, type ImageFacts, type Output, type OutputFormat, outputsOf } from './image-facts.ts';
import { basePixels } from './memory.ts';
import { libvips } from './sharp.ts';
import { applySteps, type Base, decodeBase, needsBase, openBase, openImage } from './steps.ts';
import { structureProblem } from './structure.ts';

export interface TransformTask {
  input: Buffer;
  name: string;
  facts: ImageFacts;
  transform: ImageTransform;
  timeoutMs: number;
}

export interface Transformed {
  bytes: Buffer;
  format: OutputFormat;
  width: number;
  /** Height of one page. */
  height: number;
}

/** Maximum pixels of a side in each encoder. */
const MAX_SIDE: Record<OutputFormat, number> = { webp: 16_383, jpeg: 65_500, png: 2 ** 31 - 1, avif: 16_384 };

/** Returns one image, or one for each of `sizes`. */
export async function transformImage(task: TransformTask): Promise<Transformed[]> {
  checkSteps(task);
  const startedAt = performance.now();
  const isOver = () => performance.now() - startedAt >= task.timeoutMs;
  const leftSeconds = () => Math.max(1, Math.ceil((task.timeoutMs - (performance.now() - startedAt)) / 1_000));
  const base = needsBase(task.transform) ? await runBase(task, leftSeconds(), isOver) : undefined;
  const made: Transformed[] = [];
  for (const output of outputsOf(task.facts, task.transform)) {
    made.push(await runOutput(task, output, base, leftSeconds(), isOver));
  }
  return made;
}

function checkSteps({ facts, name, transform: { crop, rotate }, transform }: TransformTask): void {
  if (crop && (crop.left + crop.width > facts.width || crop.top + crop.height > facts.height)) {
    const asked = `${crop.width} × ${crop.height} at ${crop.left}, ${crop.top}`;
    const reason = `the crop of ${asked} leaves the image, which has ${facts.width} × ${facts.height} pixels`;
    throw errors.TRANSFORM_FAILED({ name, reason });
  }
  if (rotate && decodedPages(facts, transform) > 1) {
    const reason = 'an animation cannot be rotated; the format png, jpeg or avif takes its first frame';
    throw errors.TRANSFORM_FAILED({ name, reason });
  }
}

const isAnimated = ({ facts, transform }: TransformTask) => decodedPages(facts, transform) > 1;

async function runBase(task: TransformTask, seconds: number, isOver: () => boolean): Promise<Base> {
  const { input, facts, transform } = task;
  try {
    const image = openImage(input, isAnimated(task), facts, transform).timeout({ seconds });
    return await decodeBase(image, facts, transform);
  } catch (cause) {
    throw await failureOf(task, undefined, isOver(), cause);
  }
}

async function runOutput(
  task: TransformTask,
  output: Output,
  base: Base | undefined,
  seconds: number,
  isOver: () => boolean,
): Promise<Transformed> {
  const { input, facts, transform } = task;
  const { format } = output;
  try {
    const image = base
      ? firstPage(base, facts, format)
      : openImage(input, isAnimated(task) && format === 'webp', facts, transform);
    // A thread cannot end before its native operation does.
    image.timeout({ seconds });
    const { data, info } = await applySteps(image, output, facts, transform).toBuffer({ resolveWithObject: true });
    return { bytes: data, format, width: info.width, height: info.pageHeight ?? info.height };
  } catch (cause) {
    throw await failureOf(task, output, isOver(), cause);
  }
}

/** The pages of a base lie below each other, and only WebP takes all of them. */
function firstPage(base: Base, facts: ImageFacts, format: OutputFormat): Sharp {
  const { pageHeight, pixels, height } = base;
  if (!pageHeight || format === 'webp') return openBase(base, facts);
  const first = pixels.subarray(0, (pixels.byteLength / height) * pageHeight);
  return openBase({ ...base, pixels: first, height: pageHeight, pageHeight: undefined }, facts);
}

/** Decodes the input again, because messages of libvips may belong to another thread's image. */
async function failureOf(task: TransformTask, output: Output | undefined, isOver: boolean, cause: unknown) {
  const { input, name, facts, transform, timeoutMs } = task;
  if (isOver) return errors.ITEM_TIMEOUT({ name, ms: timeoutMs }, { cause });
  if (!(await isReadable(input, isAnimated(task)))) {
    const reason = structureProblem(facts.type, input) ?? 'its pixels cannot be decoded';
    return errors.IMAGE_UNREADABLE({ name, reason }, { cause });
  }
  if (!output) return errors.TRANSFORM_FAILED({ name, reason: 'it cannot be cropped and rotated so' }, { cause });
  const { format, resize } = output;
  const base = basePixels(facts, transform);
  const side = Math.max(resize?.width ?? 0, resize?.height ?? 0, base.width, base.height);
  const reason =
    side > MAX_SIDE[format]
      ? `${format} allows ${MAX_SIDE[format]} pixels a side, and the transform has ${side}`
      : `it cannot be made a ${format} of this size`;
  return errors.TRANSFORM_FAILED({ name, reason }, { cause });
}

/** A failed operation, which sharp may take for a success (see probe.ts), leaves no channels. */
const isReadable = (input: Buffer, animated: boolean): Promise<boolean> =>
  libvips()(input, { animated, sequentialRead: true })
    .stats()
    .then(
      ({ channels }) => channels.length > 0,
      () => false,
    );
