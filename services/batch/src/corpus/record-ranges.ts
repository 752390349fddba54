/** Numbers of records as ranges, both ends included, in order. */
export type RecordRange = readonly [first: number, last: number];

export const sizeOf = ([first, last]: RecordRange): number => last - first + 1;

/** Adds a record behind all that are there. */
export function addRecord(ranges: [number, number][], record: number): void {
  const last = ranges.at(-1);
  if (last && last[1] === record - 1) last[1] = record;
  else ranges.push([record, record]);
}

/** `3,7-9` */
export function rangesText(ranges: readonly RecordRange[]): string {
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
