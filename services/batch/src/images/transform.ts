import type { ImageTransform } from '@tidemark/contracts';
import sharp, { type Sharp } from 'sharp';
import { errors } from '../errors.ts';
import { decodedPages, type ImageFacts, type OutputFormat, outputFormat } from './image-facts.ts';
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

/** There are no visible artefacts, at about a tenth of the size of the pixels. */
const DEFAULT_QUALITY = 80;
/** Maximum pixels of a side in each encoder. */
const MAX_SIDE: Record<OutputFormat, number> = { webp: 16_383, jpeg: 65_500, png: 2 ** 31 - 1 };

/** Metadata (EXIF, GPS) is removed. */
export async function transformImage(task: TransformTask): Promise<Transformed> {
  const { input, facts, transform, timeoutMs } = task;
  const format = outputFormat(facts, transform);
  const animated = decodedPages(facts, transform) > 1;
  const image = sharp(input, { animated, sequentialRead: true })
    // A thread cannot end before its native operation does.
    .timeout({ seconds: Math.ceil(timeoutMs / 1_000) })
    .autoOrient();
  if (transform.resize) image.resize(transform.resize);
  if (transform.greyscale) image.greyscale();
  if (transform.blur) image.blur(transform.blur);
  const startedAt = performance.now();
  try {
    const { data, info } = await encode(image, format, transform.quality).toBuffer({ resolveWithObject: true });
    return { bytes: data, format, width: info.width, height: info.pageHeight ?? info.height };
  } catch (cause) {
    throw await failureOf(task, { format, animated, isOver: performance.now() - startedAt >= timeoutMs }, cause);
  }
}

interface Attempt {
  format: OutputFormat;
  animated: boolean;
  isOver: boolean;
}

/** Decodes the input again, because messages of libvips may belong to another thread's image. */
async function failureOf(
  { input, name, facts, transform, timeoutMs }: TransformTask,
  attempt: Attempt,
  cause: unknown,
) {
  const { format, animated, isOver } = attempt;
  if (isOver) return errors.ITEM_TIMEOUT({ name, ms: timeoutMs }, { cause });
  if (!(await isReadable(input, animated))) {
    const reason = structureProblem(facts.type, input) ?? 'its pixels cannot be decoded';
    return errors.IMAGE_UNREADABLE({ name, reason }, { cause });
  }
  const side = Math.max(transform.resize?.width ?? 0, transform.resize?.height ?? 0, facts.width, facts.height);
  const reason =
    side > MAX_SIDE[format]
      ? `${format} allows ${MAX_SIDE[format]} pixels a side, and the transform has ${side}`
      : `it cannot be made a ${format} of this size`;
  return errors.TRANSFORM_FAILED({ name, reason }, { cause });
}

/** A failed operation, which sharp may take for a success (see probe.ts), leaves no channels. */
const isReadable = (input: Buffer, animated: boolean): Promise<boolean> =>
  sharp(input, { animated, sequentialRead: true })
    .stats()
    .then(
      ({ channels }) => channels.length > 0,
      () => false,
    );

function encode(image: Sharp, format: OutputFormat, quality = DEFAULT_QUALITY): Sharp {
  // JPEG has no transparency; transparent pixels become white instead of black.
  if (format === 'jpeg') return image.flatten({ background: 'white' }).jpeg({ quality });
  // PNG is lossless here; the quality option of sharp would reduce the colours.
  return format === 'png' ? image.png() : image.webp({ quality });
}
