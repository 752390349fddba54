import type { ImageTransform } from '@tidemark/contracts';
import sharp, { type Sharp } from 'sharp';
import { errors } from '../errors.ts';
import { decodedPages, type ImageFacts, type OutputFormat, outputFormat } from './image-facts.ts';
import { reasonOf } from './probe.ts';

export interface Transformed {
  bytes: Buffer;
  format: OutputFormat;
  width: number;
  /** Of one page. */
  height: number;
}

/** JPEG and WebP where the job does not say: visually clean at about a tenth of the pixels' size. */
const DEFAULT_QUALITY = 80;

/**
 * One sharp operation: turn upright, resize, greyscale, blur, encode. Metadata (EXIF, GPS) does not survive.
 * @throws BATCH_IMAGE_UNREADABLE when the pixels are damaged, BATCH_TRANSFORM_FAILED when the result cannot be made
 */
export async function transformImage(
  input: Buffer,
  name: string,
  facts: ImageFacts,
  transform: ImageTransform,
  timeoutSeconds: number,
): Promise<Transformed> {
  const format = outputFormat(facts, transform);
  const image = sharp(input, { animated: decodedPages(facts, transform) > 1, sequentialRead: true })
    .timeout({ seconds: timeoutSeconds })
    .autoOrient();
  if (transform.resize) image.resize(transform.resize);
  if (transform.greyscale) image.greyscale();
  if (transform.blur) image.blur(transform.blur);
  const began = performance.now();
  try {
    const { data, info } = await encode(image, format, transform.quality).toBuffer({ resolveWithObject: true });
    return { bytes: data, format, width: info.width, height: info.pageHeight ?? info.height };
  } catch (cause) {
    const reason = reasonOf(cause);
    // libvips says where it failed only in words: its loaders' names, or what they say of damaged files.
    const unreadable =
      /^(Vips(Jpeg|Foreign\w*)|jpegload|pngload|webpload|gifload|Input (buffer|file))|corrupt|premature|truncated|libspng|read error/i;
    // Its words are one buffer for all threads, so they may be another's: then what is left is to read the pixels alone.
    // Where the time is over, there is none for that either.
    const isOver = performance.now() - began >= timeoutSeconds * 1_000;
    throw unreadable.test(reason) || (!isOver && !(await isReadable(input)))
      ? errors.IMAGE_UNREADABLE({ name, reason }, { cause })
      : errors.TRANSFORM_FAILED({ name, reason }, { cause });
  }
}

const isReadable = (input: Buffer): Promise<boolean> =>
  sharp(input, { sequentialRead: true })
    .stats()
    .then(
      () => true,
      () => false,
    );

function encode(image: Sharp, format: OutputFormat, quality = DEFAULT_QUALITY): Sharp {
  // JPEG has no transparency: what was transparent becomes white, as on a page, and not black.
  if (format === 'jpeg') return image.flatten({ background: 'white' }).jpeg({ quality });
  // PNG is lossless here; sharp's quality for it would mean fewer colours.
  return format === 'png' ? image.png() : image.webp({ quality });
}
