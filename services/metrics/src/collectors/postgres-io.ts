/** Reads and writes of the whole server by kind of process, object and context: pg_stat_io. */
import type { Pool } from '@tidemark/db';
import { missingFigures, selectFigures, type VersionFigure } from './version-figures.ts';

/** The whole view is of 16. Until 17 bytes are operations of `op_bytes` each. */
const VIEW_SINCE = 16;
const BYTES_SINCE = 18;

export const IO_FIGURES = [
  { name: 'reads', column: 'reads', kind: 'count', since: VIEW_SINCE },
  { name: 'readMs', column: 'read_time', kind: 'ms', since: VIEW_SINCE },
  { name: 'writes', column: 'writes', kind: 'count', since: VIEW_SINCE },
  { name: 'writeMs', column: 'write_time', kind: 'ms', since: VIEW_SINCE },
  { name: 'extends', column: 'extends', kind: 'count', since: VIEW_SINCE },
  { name: 'hits', column: 'hits', kind: 'count', since: VIEW_SINCE },
  { name: 'evictions', column: 'evictions', kind: 'count', since: VIEW_SINCE },
  { name: 'fsyncs', column: 'fsyncs', kind: 'count', since: VIEW_SINCE },
  { name: 'readBytes', column: 'read_bytes', kind: 'count', since: BYTES_SINCE },
  { name: 'writeBytes', column: 'write_bytes', kind: 'count', since: BYTES_SINCE },
] as const satisfies readonly VersionFigure[];

export type IoFigures = { [K in (typeof IO_FIGURES)[number]['name']]?: number | null } & {
  process: string;
  object: string;
  context: string;
};

export async function readIo(
  pool: Pool,
  major: number,
  options: Parameters<Pool['query']>[2],
): Promise<{ figures: IoFigures[] | null; missing: Record<string, string> }> {
  const missing = missingFigures(IO_FIGURES, major);
  if (major < VIEW_SINCE) return { figures: null, missing };
  const rows = await pool.query<IoFigures>(
    `select backend_type as process, object, context, ${selectFigures(IO_FIGURES, 'i', major)}
    from pg_stat_io i where coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(hits, 0) > 0 order by 1, 2, 3`,
    [],
    options,
  );
  return { figures: [...rows], missing };
}
