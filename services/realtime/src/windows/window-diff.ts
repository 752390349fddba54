/**
 * A client that drops all changed rows and inserts each at its index, ascending, has the new list. Rows that only
 * shift are omitted. Pure.
 */
export interface ShownRow {
  key: string;
  /** JSON. */
  text: string;
}

/** Returns JSON texts of LiveChange. */
export function windowChanges(before: readonly ShownRow[], after: readonly ShownRow[]): string[] {
  const was = new Map(before.map(({ key, text }, index) => [key, { text, index }]));
  const is = new Set(after.map(({ key }) => key));
  const unchanged = after.filter(({ key, text }) => was.get(key)?.text === text);
  const indexOf = ({ key }: ShownRow) => was.get(key)?.index as number;
  const staying = new Set(longestRising(unchanged.map(indexOf)).map((at) => unchanged[at]));
  return [
    ...before.filter(({ key }) => !is.has(key)).map(({ text }) => `{"type":"leave","old":${text}}`),
    ...after.flatMap((row, index) => {
      if (staying.has(row)) return [];
      return [`{"type":"${was.has(row.key) ? 'update' : 'enter'}","row":${row.text},"index":${index}}`];
    }),
  ];
}

/** Returns the places of a longest rising subsequence of distinct values, in O(n log n) (Fredman, 1975). */
function longestRising(values: readonly number[]): number[] {
  /** At n - 1, the place of the smallest value that ends a rising sequence of length n. */
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  const valueAt = (at: number | undefined) => values[at as number] as number;
  for (const [at, value] of values.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (valueAt(ends[middle]) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(ends[low - 1]);
    ends[low] = at;
  }
  const places: number[] = [];
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) places.push(at);
  return places.reverse();
}
