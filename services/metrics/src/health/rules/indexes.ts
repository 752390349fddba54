import type { Finding } from '../finding.ts';
import { type SystemState, seconds } from '../system-state.ts';

/** A few sequential scans are ordinary, such as those of ANALYZE or of a small table. */
const MIN_SCANS = 3;
const MIN_ROWS = 10_000;

export function* indexRules({ now, collected: { droppedIndexes } }: SystemState): Generator<Finding> {
  for (const { schema, table, index, definition, scans, at, sequentialScans, sequentialRows } of droppedIndexes ?? []) {
    if (sequentialScans < MIN_SCANS || sequentialRows < MIN_ROWS) continue;
    const name = `${schema}.${table}`;
    yield {
      rule: 'index.dropped',
      key: `index dropped ${schema}.${index}`,
      subject: name,
      severity: 'degraded',
      measured: sequentialRows,
      limit: MIN_ROWS,
      unit: 'count',
      message: `the index ${index} of ${name} was dropped ${seconds(now - at)} ago, after ${scans} scans; since then ${sequentialScans} sequential scans have read ${sequentialRows} rows of ${name}`,
      hint: 'Create it again, unless another index has replaced it.',
      remedies:
        definition === null
          ? []
          : [
              {
                sql: definition.replace(/^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)/, 'CREATE $1INDEX CONCURRENTLY '),
                effect: `Statements find their rows of ${name} by the index again.`,
                risk: 'It reads the whole table twice, and waits for the transactions that run.',
              },
            ],
    };
  }
}
