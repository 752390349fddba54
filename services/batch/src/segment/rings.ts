/**
 * Polygons along the edges of pixels. Where two pixels of a component touch at a corner, the ring passes between the pixels that
 * do not belong to it, so that no ring touches itself; a hole may touch the outer ring at a point, which is valid.
 */
import type { Components } from './components.ts';

type Position = [x: number, y: number];

/** A closed ring: the last position repeats the first. */
export type Ring = Position[];

/** The outer ring first, with a positive area by the shoelace formula (RFC 7946, 3.1.6); then the holes, with negative ones. */
export type Polygon = Ring[];

/** Corners of all rings: about 40 bytes each as JSON. */
const MAX_CORNERS = 2_000_000;

/** Steps right, down, left and up. */
const DX = [1, 0, -1, 0] as const;
const DY = [0, 1, 0, -1] as const;
const UP = 3;
/** Pixels ahead of a corner, to the left and to the right of each direction. */
const LEFT_AHEAD = [[0, -1], [0, 0], [-1, 0], [-1, -1]] as const; // biome-ignore format: a table
const RIGHT_AHEAD = [[0, 0], [-1, 0], [-1, -1], [0, -1]] as const; // biome-ignore format: a table

/** Returns the polygon of each component, by its number less one, or undefined when they have more than MAX_CORNERS corners. */
export function polygonsOf({ labels, components }: Components, width: number, height: number): Polygon[] | undefined {
  const polygons: Polygon[] = components.map(() => []);
  /** Pixels whose left edge is part of a ring. Each ring has one, outer rings and holes alike. */
  const traced = new Uint8Array(labels.length);
  let corners = 0;
  for (let at = 0; at < labels.length; at += 1) {
    const id = labels[at]!;
    const x = at % width;
    if (id === 0 || traced[at] || (x > 0 && labels[at - 1] === id)) continue;
    const belongs = (px: number, py: number) =>
      px >= 0 && py >= 0 && px < width && py < height && labels[py * width + px] === id;
    const ring = trace(x, Math.floor(at / width), belongs, (px, py) => {
      traced[py * width + px] = 1;
    });
    corners += ring.length;
    if (corners > MAX_CORNERS) return undefined;
    // The first pixel of a component in reading order is at its outer ring.
    polygons[id - 1]!.push(ring);
  }
  return polygons;
}

/** Follows the ring that has the left edge of a pixel, with the component on the right hand. */
function trace(
  startX: number,
  startY: number,
  belongs: (x: number, y: number) => boolean,
  mark: (x: number, y: number) => void,
): Ring {
  const ring: Ring = [];
  let [x, y, direction] = [startX, startY + 1, UP];
  do {
    if (direction === UP) mark(x, y - 1);
    x += DX[direction]!;
    y += DY[direction]!;
    const [left, right] = [LEFT_AHEAD[direction]!, RIGHT_AHEAD[direction]!];
    let next = direction;
    if (belongs(x + left[0], y + left[1])) next = (direction + 3) % 4;
    else if (!belongs(x + right[0], y + right[1])) next = (direction + 1) % 4;
    if (next !== direction) ring.push([x, y]);
    direction = next;
  } while (x !== startX || y !== startY + 1 || direction !== UP);
  ring.push(ring[0]!);
  return ring;
}
