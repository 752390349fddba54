/** A row of `tidemark.progress` for a load that the owner of the schema runs. */
import { literal, withConnection } from '@tidemark/db';

export interface ProgressRow {
  /** Writes the newest values, one write at a time. */
  set(done: number, total: number): void;
  ended(isWhole: boolean): Promise<void>;
}

export async function progressRow(url: string, title: string, step: string): Promise<ProgressRow> {
  const run = (text: string) => withConnection(url, 'progress', (query) => query<{ id: string }>(text));
  const [row] = await run(
    `insert into tidemark.progress (title, step) values (${literal(title)}, ${literal(step)}) returning id`,
  );
  const where = `where id = ${literal(row?.id ?? '')}`;
  let newest = { done: 0, total: 0 };
  let writing: Promise<void> | undefined;
  const write = async () => {
    for (let written: typeof newest | undefined; written !== newest; ) {
      written = newest;
      await run(`update tidemark.progress set done = ${written.done}, total = ${written.total} ${where}`);
    }
    writing = undefined;
  };
  return {
    set(done, total) {
      newest = { done, total };
      writing ??= write();
    },
    async ended(isWhole) {
      await writing;
      const state = isWhole ? 'succeeded' : 'failed';
      await run(`update tidemark.progress set state = ${literal(state)}, finished_at = now() ${where}`);
    },
  };
}
