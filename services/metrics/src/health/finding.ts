/**
 * A finding is one thing that is wrong now. Rules say what they find each second; a finding counts once it has lasted
 * `holdMs`, so that a single slow tick does not colour the whole system.
 */
export type Severity = 'degraded' | 'down';

export interface Finding {
  /** Stable while the thing lasts, such as `pool gateway/1/write`. */
  key: string;
  severity: Severity;
  /** Names the culprit, with its figures. */
  message: string;
  /** The remedy. */
  hint: string;
  /** Default 0: counts at once. */
  holdMs?: number;
}

export interface Debouncer {
  /** The findings that count at `now`, the worst first. */
  update(findings: readonly Finding[], now: number): Finding[];
}

/** For what swings from second to second: rates, delays, waiting. */
export const HOLD_MS = 3_000;
/** More would not be read; the worst come first. */
const MAX_FINDINGS = 50;

export function createDebouncer(): Debouncer {
  let since = new Map<string, number>();
  return {
    update(findings, now) {
      since = new Map(findings.map(({ key }) => [key, since.get(key) ?? now]));
      return findings
        .filter(({ key, holdMs = 0 }) => now - (since.get(key) as number) >= holdMs)
        .sort((a, b) => Number(b.severity === 'down') - Number(a.severity === 'down'))
        .slice(0, MAX_FINDINGS);
    },
  };
}

export function statusOf(findings: readonly Finding[]): 'ok' | Severity {
  if (findings.some(({ severity }) => severity === 'down')) return 'down';
  return findings.length > 0 ? 'degraded' : 'ok';
}
