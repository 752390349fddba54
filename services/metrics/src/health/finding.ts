import type { RuleName } from './rule-names.ts';

/** A finding counts after `holdMs`, so that one slow second does not change the status of the system. */
export type Severity = 'degraded' | 'down';

export interface Remedy {
  /** A statement that can be pasted into psql. It does nothing once the process that it names has ended. */
  sql: string;
  effect: string;
  risk: string;
  /** It must run on another server than the primary, so it is no action of this service. */
  elsewhere?: boolean;
}

export interface Finding {
  rule: RuleName;
  /** Identifies the problem while it lasts, such as `pool write of gateway-1 exhausted`. */
  key: string;
  severity: Severity;
  /** An instance, a pool, a session, a replica. */
  subject: string;
  message: string;
  hint: string;
  measured?: number;
  limit?: number;
  /** The unit of `measured` and `limit`. */
  unit?: 'ms' | 'bytes' | 'ratio' | 'count' | 'per second';
  /** Instances, `<service>/<instance>`, which suffer from it. */
  affects?: readonly string[];
  remedies?: readonly Remedy[];
  /** Default 0: the finding counts at once. */
  holdMs?: number;
}

export interface DatedFinding extends Finding {
  /** ms since 1970: when the rule first held. */
  since: number;
}

export interface Debouncer {
  update(findings: readonly Finding[], now: number): DatedFinding[];
}

/** For rates, delays and queue lengths, which vary from second to second. */
export const HOLD_MS = 3_000;
const MAX_FINDINGS = 50;

export function createDebouncer(): Debouncer {
  let since = new Map<string, number>();
  return {
    update(findings, now) {
      since = new Map(findings.map(({ key }) => [key, since.get(key) ?? now]));
      return findings
        .map((finding) => ({ ...finding, since: since.get(finding.key) as number }))
        .filter(({ since, holdMs = 0 }) => now - since >= holdMs)
        .sort((a, b) => Number(b.severity === 'down') - Number(a.severity === 'down'))
        .slice(0, MAX_FINDINGS);
    },
  };
}

export function statusOf(findings: readonly Pick<Finding, 'severity'>[]): 'ok' | Severity {
  if (findings.some(({ severity }) => severity === 'down')) return 'down';
  return findings.length > 0 ? 'degraded' : 'ok';
}
