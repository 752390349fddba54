/** The rows of a client that applies the frames of a window as in PROTOCOL.md (W3). */
import type { LiveChange } from '@tidemark/contracts';

type Row = Record<string, unknown>;

/** @param frames of one topic; rows have the key `id` */
export function windowRows(frames: readonly { op: string; rows?: Row[]; changes?: LiveChange[] }[]): Row[] {
  let list: Row[] = [];
  for (const { op, rows = [], changes = [] } of frames) {
    if (op === 'snapshot') list = [...rows];
    if (op !== 'changes') continue;
    const gone = new Set(changes.map(({ row, old }) => (row ?? old)?.id));
    list = list.filter((row) => !gone.has(row.id));
    for (const { row, index } of changes) if (row) list.splice(index as number, 0, row);
  }
  return list;
}
