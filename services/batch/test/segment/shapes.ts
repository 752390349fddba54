/** Images of known shapes, with the pixels that each one covers. */
import sharp from 'sharp';

export interface Shape {
  /** Whether the shape covers the centre of a pixel. */
  covers(x: number, y: number): boolean;
}

export const disc = (cx: number, cy: number, r: number): Shape => ({
  covers: (x, y) => (x - cx) ** 2 + (y - cy) ** 2 < r ** 2,
});
export const ring = (cx: number, cy: number, outer: number, inner: number): Shape => ({
  covers: (x, y) => disc(cx, cy, outer).covers(x, y) && !disc(cx, cy, inner).covers(x, y),
});
export const box = (left: number, top: number, width: number, height: number): Shape => ({
  covers: (x, y) => x >= left && x < left + width && y >= top && y < top + height,
});
export const triangle = (left: number, top: number, side: number): Shape => ({
  covers: (x, y) => y >= top && y < top + side && x >= left && x < left + (y - top),
});

export interface Drawing {
  shapes: readonly Shape[];
  width: number;
  height: number;
  light?: number;
  dark?: number;
  /** Standard deviation of the brightness. */
  noise?: number;
}

/** Returns the grey pixels, shapes in the light tone. */
export function draw({ shapes, width, height, light = 200, dark = 60, noise = 0 }: Drawing): Buffer {
  const pixels = Buffer.alloc(width * height);
  let seed = 12_345;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648 - 0.5;
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const tone = shapes.some((shape) => shape.covers(x, y)) ? light : dark;
      pixels[y * width + x] = Math.max(0, Math.min(255, Math.round(tone + random() * noise * 3)));
    }
  }
  return pixels;
}

export const pngOf = (drawing: Drawing): Promise<Buffer> =>
  sharp(draw(drawing), { raw: { width: drawing.width, height: drawing.height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

/** Intersection over union of a shape and the pixels for which `isIn` holds. */
export function overlap({ width, height }: Drawing, shape: Shape, isIn: (x: number, y: number) => boolean): number {
  let [both, either] = [0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [a, b] = [shape.covers(x, y), isIn(x, y)];
      both += Number(a && b);
      either += Number(a || b);
    }
  }
  return either === 0 ? 1 : both / either;
}
