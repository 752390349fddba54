import fc from 'fast-check';
import t from 'tap';
import { cocoCounts } from '../../src/segment/coco-rle.ts';
import { type ClassMap, findComponents } from '../../src/segment/components.ts';
import { type Polygon, polygonsOf } from '../../src/segment/rings.ts';
import { aboveLevel, otsuLevel } from '../../src/segment/threshold.ts';
import { box, disc, draw, overlap, ring, triangle } from './shapes.ts';

const ALL = { minArea: 1, maxObjects: 10_000 };

const mapOf = (rows: string[]): ClassMap => ({
  classes: Uint8Array.from(rows.join(''), (character) => (character === '.' ? 0 : Number(character))),
  width: rows[0]!.length,
  height: rows.length,
});

/** Even and odd crossings of a ray to the right. */
function contains(polygon: Polygon, x: number, y: number): boolean {
  let inside = false;
  for (const points of polygon) {
    for (let n = 1; n < points.length; n += 1) {
      const [[ax, ay], [bx, by]] = [points[n - 1]!, points[n]!];
      if (ax === bx && ax > x + 0.5 && Math.min(ay, by) <= y && y < Math.max(ay, by)) inside = !inside;
    }
  }
  return inside;
}

/** Reads the compressed counts back, independently of how they are written. */
function pixelsOfCounts(text: string, size: number): Uint8Array {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let [value, shift, bits] = [0, 0, 0];
    do {
      bits = text.charCodeAt(at++) - 48;
      value |= (bits & 0x1f) << (5 * shift++);
    } while (bits & 0x20);
    if (bits & 0x10) value |= -1 << (5 * shift);
    counts.push(counts.length > 2 ? value + counts[counts.length - 2]! : value);
  }
  const pixels = new Uint8Array(size);
  let at = 0;
  for (const [n, count] of counts.entries()) {
    pixels.fill(n % 2, at, at + count);
    at += count;
  }
  return pixels;
}

const area = (points: Polygon[0]) =>
  points.slice(1).reduce((sum, [x, y], n) => sum + (points[n]![0] * y - x * points[n]![1]), 0) / 2;

t.test('shapes with noise are found by Otsu’s level, each with an overlap of 0.95 or more', (t) => {
  const shapes = [disc(60, 60, 40), ring(180, 70, 50, 25), box(30, 150, 80, 50), triangle(160, 150, 90)];
  const drawing = { shapes, width: 260, height: 260, noise: 40 };
  const pixels = draw(drawing);
  const level = otsuLevel(pixels);
  t.ok(level > 60 && level < 200, `level ${level}`);
  const found = findComponents(
    { classes: aboveLevel(pixels, level, false), width: 260, height: 260 },
    { ...ALL, minArea: 50 },
  )!;
  t.equal(found.components.length, 4);
  const polygons = polygonsOf(found, 260, 260)!;
  for (const [n, shape] of shapes.entries()) {
    const best = Math.max(...polygons.map((polygon) => overlap(drawing, shape, (x, y) => contains(polygon, x, y))));
    t.ok(best >= 0.95, `shape ${n}: ${best.toFixed(3)}`);
  }
  t.equal(
    polygons[found.components.findIndex(({ left }) => left > 120 && left < 140)]!.length,
    2,
    'the ring has a hole',
  );
  t.end();
});

t.test('labels are those of a flood fill, polygons cover exactly their pixels, and counts read back', (t) => {
  const maps = fc
    .tuple(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 2 })),
    )
    .map(([width, height, values]): ClassMap => {
      const classes = new Uint8Array(width * height);
      for (let at = 0; at < classes.length; at += 1) classes[at] = values.next().value as number;
      return { classes, width, height };
    });
  fc.assert(
    fc.property(maps, (map) => {
      const { width, height } = map;
      const found = findComponents(map, ALL)!;
      const expected = floodFill(map);
      if (String(found.labels) !== String(expected.labels)) throw new Error(`labels ${found.labels}`);
      if (String(found.components.map((component) => component.area)) !== String(expected.areas))
        throw new Error('areas');
      const polygons = polygonsOf(found, width, height)!;
      const counts = cocoCounts(found, width, height)!;
      for (const { id, area: size } of found.components) {
        const polygon = polygons[id - 1]!;
        isValid(polygon, size);
        const read = pixelsOfCounts(counts[id - 1]!, width * height);
        for (let at = 0; at < map.classes.length; at += 1) {
          const [x, y] = [at % width, Math.floor(at / width)];
          const isIn = found.labels[at] === id;
          if (contains(polygon, x, y) !== isIn) throw new Error(`polygon ${id} at ${x}, ${y}`);
          if ((read[x * height + y] === 1) !== isIn) throw new Error(`counts ${id} at ${x}, ${y}`);
        }
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});

function isValid(polygon: Polygon, size: number): void {
  const sum = polygon.reduce((total, points) => total + area(points), 0);
  if (sum !== size) throw new Error(`area ${sum} instead of ${size}`);
  for (const [n, points] of polygon.entries()) {
    if (area(points) > 0 !== (n === 0)) throw new Error(`ring ${n} turns the wrong way`);
    if (String(points[0]) !== String(points.at(-1))) throw new Error('a ring is open');
    // A ring that touches itself would be no valid ring.
    if (new Set(points.slice(1).map(String)).size !== points.length - 1) throw new Error('a ring touches itself');
  }
}

function floodFill({ classes, width, height }: ClassMap): { labels: number[]; areas: number[] } {
  const labels = new Array<number>(classes.length).fill(0);
  const areas: number[] = [];
  for (let start = 0; start < classes.length; start += 1) {
    if (classes[start] === 0 || labels[start] !== 0) continue;
    const queue = [start];
    areas.push(0);
    labels[start] = areas.length;
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      areas[areas.length - 1]! += 1;
      const x = at % width;
      const near = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const next of near) {
        if (next < 0 || next >= width * height || labels[next] !== 0 || classes[next] !== classes[start]) continue;
        labels[next] = areas.length;
        queue.push(next);
      }
    }
  }
  return { labels, areas };
}

t.test('keeps the largest objects, and counts what it leaves out', (t) => {
  const map = mapOf(['11.1.22', '11...22', '.......', '1.111..']);
  const found = findComponents(map, { minArea: 2, maxObjects: 2 })!;
  t.match(found.components, [
    { id: 1, class: 1, area: 4, left: 0, top: 0, right: 2, bottom: 2 },
    { id: 2, class: 2, area: 4, left: 5 },
  ]);
  t.equal(found.omitted, 3);
  t.equal(found.labels[3], 0, 'a small one is no object of the mask');
  t.end();
});

t.test('an image of one tone has no light pixels', (t) => {
  const pixels = new Uint8Array(100).fill(128);
  t.notOk(aboveLevel(pixels, otsuLevel(pixels), false).includes(1));
  t.end();
});
