/** Connected components of equal pixels, from maximal runs of each row. Pixels that touch only at a corner are not connected. */

/** A number for each pixel: 0 is the background. */
export interface ClassMap {
  classes: Uint8Array;
  width: number;
  height: number;
}

export interface Component {
  /** Its number in `labels`, from 1. */
  id: number;
  class: number;
  area: number;
  left: number;
  top: number;
  /** The first column and row behind it. */
  right: number;
  bottom: number;
}

export interface Components {
  components: Component[];
  /** The number of the component at each pixel; 0: none, or one that was left out. */
  labels: Int32Array;
  /** Components smaller than `minArea`, and the smallest of more than `maxObjects`. */
  omitted: number;
}

export interface ComponentOptions {
  minArea: number;
  maxObjects: number;
}

/** Runs of pixels: 20 bytes each. Noise of 10 megapixels has as many. */
export const MAX_RUNS = 5_000_000;

interface Runs {
  count: number;
  rows: Int32Array;
  starts: Int32Array;
  ends: Int32Array;
  /** The index of the first run of each row, and the count behind the last. */
  first: Int32Array;
}

/** Returns undefined when the map has more than MAX_RUNS runs. The time is linear in the pixels, by union-find over the runs. */
export function findComponents(map: ClassMap, { minArea, maxObjects }: ComponentOptions): Components | undefined {
  const runs = findRuns(map);
  if (!runs) return undefined;
  const roots = joinRuns(map, runs);
  const { components, idOfRoot } = measure(map, runs, roots);
  const kept = components
    .filter(({ area }) => area >= minArea)
    .sort((a, b) => b.area - a.area || a.id - b.id)
    .slice(0, maxObjects)
    .sort((a, b) => a.id - b.id);
  const newId = new Int32Array(components.length + 1);
  for (const [n, component] of kept.entries()) newId[component.id] = n + 1;
  const labels = new Int32Array(map.width * map.height);
  for (let run = 0; run < runs.count; run += 1) {
    const id = newId[idOfRoot[roots[run]!]!]!;
    const row = runs.rows[run]! * map.width;
    if (id > 0) labels.fill(id, row + runs.starts[run]!, row + runs.ends[run]!);
  }
  return {
    components: kept.map((component, n) => ({ ...component, id: n + 1 })),
    labels,
    omitted: components.length - kept.length,
  };
}

function findRuns({ classes, width, height }: ClassMap): Runs | undefined {
  let count = 0;
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0, before = 0; x < width; x += 1, at += 1) {
      const value = classes[at]!;
      if (value !== 0 && value !== before) count += 1;
      before = value;
    }
    if (count > MAX_RUNS) return undefined;
  }
  const runs = {
    count,
    rows: new Int32Array(count),
    starts: new Int32Array(count),
    ends: new Int32Array(count),
    first: new Int32Array(height + 1),
  };
  let run = 0;
  for (let y = 0; y < height; y += 1) {
    runs.first[y] = run;
    const row = y * width;
    for (let x = 0; x < width; ) {
      const value = classes[row + x]!;
      let end = x + 1;
      while (end < width && classes[row + end] === value) end += 1;
      if (value !== 0) {
        runs.rows[run] = y;
        runs.starts[run] = x;
        runs.ends[run] = end;
        run += 1;
      }
      x = end;
    }
  }
  runs.first[height] = run;
  return runs;
}

/** Returns the root of each run: the first run of its component. */
function joinRuns({ classes, width, height }: ClassMap, { count, starts, ends, first }: Runs): Int32Array {
  const parents = new Int32Array(count);
  for (let run = 0; run < count; run += 1) parents[run] = run;
  const rootOf = (run: number): number => {
    let at = run;
    while (parents[at] !== at) {
      // Halving the path keeps later searches short.
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  };
  for (let y = 1; y < height; y += 1) {
    let above = first[y - 1]!;
    const lastAbove = first[y]!;
    for (let run = first[y]!; run < first[y + 1]!; ) {
      if (above === lastAbove) break;
      const overlaps = starts[above]! < ends[run]! && starts[run]! < ends[above]!;
      if (overlaps && classes[y * width + starts[run]!] === classes[(y - 1) * width + starts[above]!]) {
        const [a, b] = [rootOf(above), rootOf(run)];
        if (a < b) parents[b] = a;
        else parents[a] = b;
      }
      if (ends[above]! <= ends[run]!) above += 1;
      else run += 1;
    }
  }
  for (let run = 0; run < count; run += 1) parents[run] = rootOf(run);
  return parents;
}

function measure({ classes, width }: ClassMap, { count, rows, starts, ends }: Runs, roots: Int32Array) {
  const components: Component[] = [];
  const idOfRoot = new Int32Array(count);
  for (let run = 0; run < count; run += 1) {
    const [y, start, end] = [rows[run]!, starts[run]!, ends[run]!];
    const root = roots[run]!;
    if (root === run) {
      const kind = classes[y * width + start]!;
      components.push({
        id: components.length + 1,
        class: kind,
        area: 0,
        left: start,
        top: y,
        right: end,
        bottom: y + 1,
      });
      idOfRoot[run] = components.length;
    }
    const component = components[idOfRoot[root]! - 1]!;
    component.area += end - start;
    component.left = Math.min(component.left, start);
    component.right = Math.max(component.right, end);
    component.bottom = y + 1;
  }
  return { components, idOfRoot };
}
