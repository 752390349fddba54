/** Draws images whose objects are known, so that what finds objects can be scored. */

import { libvips } from '../images/libvips.ts';
import { createRandom, type Random } from '../images/random.ts';

export interface Region {
  readonly label: 'cell';
  /** Corners in pixels from the upper left corner. */
  readonly polygon: readonly (readonly [x: number, y: number])[];
}

export interface CellImage {
  readonly name: string;
  readonly contentType: 'image/png';
  readonly width: number;
  readonly height: number;
  readonly bytes: Buffer;
  readonly regions: readonly Region[];
}

const WIDTH = 256;
const HEIGHT = 192;
const CORNERS = 14;
/** Cells lie in a grid of places with this many pixels, so that no two touch. */
const PLACE = 48;

/** Yields images of light cells on a dark ground, about 6 KB each. Equal seeds give equal pixels, with the same release of sharp. */
export async function* drawCells({ count, seed }: { count: number; seed: number }): AsyncGenerator<CellImage> {
  for (let index = 0; index < count; index += 1) yield await drawImage(seed, index);
}

async function drawImage(seed: number, index: number): Promise<CellImage> {
  const random = createRandom(Math.imul(seed, 0x9e3779b1) + index);
  const regions: Region[] = [];
  for (let top = 0; top < HEIGHT; top += PLACE) {
    for (let left = 0; left + PLACE <= WIDTH; left += PLACE) {
      if (random.next() < 0.55) regions.push({ label: 'cell', polygon: cell(random, left, top) });
    }
  }
  if (regions.length === 0) regions.push({ label: 'cell', polygon: cell(random, 0, 0) });
  const hue = random.integer(0, 359);
  const { default: sharp } = await libvips();
  const bytes = await sharp(Buffer.from(svg(random, regions, hue)))
    .removeAlpha()
    .png({ compressionLevel: 6 })
    .toBuffer();
  const name = `cells-${String(index).padStart(5, '0')}.png`;
  return { name, contentType: 'image/png', width: WIDTH, height: HEIGHT, bytes, regions };
}

/** A round outline with waves, inside of its place. */
function cell(random: Random, left: number, top: number): [number, number][] {
  const radius = random.integer(11, 18);
  const x = left + PLACE / 2 + random.integer(-3, 3);
  const y = top + PLACE / 2 + random.integer(-3, 3);
  return Array.from({ length: CORNERS }, (_, corner) => {
    const angle = (corner / CORNERS) * 2 * Math.PI;
    const distance = radius * (0.85 + random.next() * 0.3);
    return [Math.round(x + Math.cos(angle) * distance), Math.round(y + Math.sin(angle) * distance)];
  });
}

function svg(random: Random, regions: readonly Region[], hue: number): string {
  const cells = regions.map(({ polygon }) => {
    const points = polygon.map((corner) => corner.join()).join(' ');
    return `<polygon points="${points}" fill="hsl(${hue},${random.integer(40, 70)}%,${random.integer(72, 84)}%)"/>`;
  });
  // Faint specks below the threshold.
  const specks = Array.from(
    { length: 40 },
    () =>
      `<circle cx="${random.integer(0, WIDTH)}" cy="${random.integer(0, HEIGHT)}" r="1" fill="hsl(${hue},30%,24%)"/>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="hsl(${hue},35%,14%)"/>${specks.join('')}${cells.join('')}</svg>`
  );
}
