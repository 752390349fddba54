/** The parts of image.segment that compute. They run in a worker process. */
import { errors } from '../errors.ts';
import { decoderBytes, greyPixels } from '../images/grey.ts';
import type { ImageFacts } from '../images/image-facts.ts';
import type { ItemResult } from '../kinds/item-result.ts';
import { type ClassMap, findComponents } from './components.ts';
import { type SegmentOutput, segmentFiles } from './outputs.ts';
import { aboveLevel, otsuLevel } from './threshold.ts';

export interface SegmentOptions {
  minArea: number;
  maxObjects: number;
  outputs: readonly SegmentOutput[];
}

/** A class, a label, a mark and the mask of each pixel, and the runs of an ordinary image. */
const PIXEL_BYTES = 12;
const RUNS_BYTES = 32 * 1024 ** 2;

export const segmentBytes = (facts: ImageFacts): number =>
  decoderBytes(facts) + facts.width * facts.height * PIXEL_BYTES + RUNS_BYTES;

export interface ThresholdOptions {
  /** A level from 0 to 255. */
  threshold: number | 'otsu';
  foreground: 'light' | 'dark';
}

export async function thresholdImage(
  input: { bytes: Buffer; name: string; facts: ImageFacts },
  { threshold, foreground }: ThresholdOptions,
): Promise<{ map: ClassMap; level: number }> {
  // Transparent pixels belong to the background.
  const background = foreground === 'light' ? '#000000' : '#ffffff';
  const { pixels, width, height } = await greyPixels({ ...input, input: input.bytes, background });
  const level = threshold === 'otsu' ? otsuLevel(pixels) : threshold;
  return { map: { classes: aboveLevel(pixels, level, foreground === 'dark'), width, height }, level };
}

export async function resultOfMap(
  map: ClassMap,
  name: string,
  { minArea, maxObjects, outputs }: SegmentOptions,
): Promise<Extract<ItemResult, { value?: unknown }>> {
  const found = findComponents(map, { minArea, maxObjects });
  if (!found) throw errors.SEGMENTS_TOO_COMPLEX({ name, part: 'objects' });
  const { width, height } = map;
  const files = await segmentFiles({ ...found, name, width, height }, outputs);
  const metadata = { width, height, objects: found.components.length };
  return {
    files: files.map((file) => ({ ...file, metadata })),
    value: { ...metadata, omitted: found.omitted },
  };
}
