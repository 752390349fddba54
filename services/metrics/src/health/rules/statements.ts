/** Statements of our services that are slow more often than they were in their last hour. */
import type { Finding } from '../finding.ts';
import type { SystemState } from '../system-state.ts';

const SLOWER = 3;
/** Fewer slow runs in a minute are the ordinary course. */
const MIN_SLOW = 5;

export function* slowStatementRules({ statements = [], thresholds }: SystemState): Generator<Finding> {
  for (const { id, text, calls, slow, hourShare, instances } of statements) {
    if (slow < MIN_SLOW || slow <= calls * thresholds.slowShare) continue;
    const share = slow / calls;
    // Without some minutes to compare with, nobody knows whether this is new.
    if (hourShare === null || share <= SLOWER * hourShare) continue;
    yield {
      rule: 'statement.slower',
      key: `statement slower ${id}`,
      subject: id,
      severity: 'degraded',
      measured: share,
      limit: Math.max(thresholds.slowShare, SLOWER * hourShare),
      unit: 'ratio',
      affects: instances,
      message: `${slow} of ${calls} runs of a statement were slow in the last minute, ${(100 * share).toFixed(1)} %; in the hour before, ${(100 * hourShare).toFixed(1)} %: ${text.slice(0, 200)}`,
      hint: `POST /api/v1/performance/queries/analyze {"fingerprint": "${id}"} explains it.`,
    };
  }
}
