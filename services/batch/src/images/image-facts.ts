import type { ImageTransform } from '@tidemark/contracts';

export type InputType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif' | 'image/avif';

export interface ImageFacts {
  type: InputType;
  /** Width after the EXIF orientation. */
  width: number;
  /** Height of one page after the EXIF orientation. */
  height: number;
  /** Frames of an animation; 1 otherwise. */
  pages: number;
  /** ms of each frame of an animation. */
  delay?: number[] | undefined;
  /** Repetitions of an animation; 0: for ever. */
  loop?: number | undefined;
  channels: number;
  /** Bytes per channel of a pixel: 2 in 16-bit PNG. */
  depth: 1 | 2;
  isGrey: boolean;
  hasProfile: boolean;
  progressive: boolean;
  bytes: number;
}

export type OutputFormat = 'jpeg' | 'png' | 'webp' | 'avif';

/** A GIF becomes WebP by default, which keeps its animation. */
export function outputFormat(facts: ImageFacts, { format }: { format?: OutputFormat | undefined }): OutputFormat {
  if (format) return format;
  if (facts.type === 'image/jpeg') return 'jpeg';
  if (facts.type === 'image/avif') return 'avif';
  return facts.type === 'image/png' ? 'png' : 'webp';
}

export type Resize = NonNullable<ImageTransform['resize']>;

/** One file that the transform makes. */
export interface Output {
  format: OutputFormat;
  quality: number | undefined;
  resize: Resize | undefined;
}

export function outputsOf(facts: ImageFacts, transform: ImageTransform): Output[] {
  if (!transform.sizes) {
    return [{ format: outputFormat(facts, transform), quality: transform.quality, resize: transform.resize }];
  }
  return transform.sizes.map(({ format = transform.format, quality = transform.quality, ...resize }) => ({
    format: outputFormat(facts, { format }),
    quality,
    resize,
  }));
}

/** Other formats than WebP take the first frame of an animation. */
export function decodedPages(facts: ImageFacts, transform: ImageTransform): number {
  return outputsOf(facts, transform).some(({ format }) => format === 'webp') ? facts.pages : 1;
}
