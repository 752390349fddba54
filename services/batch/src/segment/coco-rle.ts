/** Run lengths of masks as COCO has them: columns first, zeros first (https://github.com/cocodataset/cocoapi, maskApi.c). */
import { type Components, MAX_RUNS } from './components.ts';

/** Returns the compressed counts of each component, or undefined when the columns have more than MAX_RUNS runs. */
export function cocoCounts({ labels, components }: Components, width: number, height: number): string[] | undefined {
  /** Lengths of zeros and ones in turn, by component. */
  const counts: number[][] = components.map(() => []);
  const ends = new Float64Array(components.length);
  let runs = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; ) {
      const id = labels[y * width + x]!;
      let end = y + 1;
      while (end < height && labels[end * width + x] === id) end += 1;
      if (id > 0) {
        const start = x * height + y;
        const own = counts[id - 1]!;
        // A run at the end of a column goes on at the beginning of the next one.
        if (own.length > 0 && ends[id - 1] === start) own[own.length - 1]! += end - y;
        else {
          own.push(start - ends[id - 1]!, end - y);
          runs += 1;
        }
        ends[id - 1] = x * height + end;
      }
      y = end;
    }
    if (runs > MAX_RUNS) return undefined;
  }
  return counts.map((own, n) => {
    const rest = width * height - ends[n]!;
    return compress(rest > 0 ? [...own, rest] : own);
  });
}

/** Six bits a character: five of the number, and whether more follow. From the fourth on, counts are differences to the last but one. */
function compress(counts: readonly number[]): string {
  let text = '';
  for (const [n, count] of counts.entries()) {
    let left = n > 2 ? count - counts[n - 2]! : count;
    for (let more = true; more; ) {
      let bits = left & 0x1f;
      left >>= 5;
      more = bits & 0x10 ? left !== -1 : left !== 0;
      if (more) bits |= 0x20;
      text += String.fromCharCode(bits + 48);
    }
  }
  return text;
}
