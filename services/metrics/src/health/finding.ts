/** A finding counts after `holdMs`, so that one slow second does not change the status of the system. */
export type Severity = 'degraded' | 'down';

export interface Finding {
  /** Identifies the problem while it lasts, such as `pool gateway/1/write`. */
  key: string;
  severity: Severity;
  message: string;
  hint: string;
  /** Default 0: the finding counts at once. */
  holdMs?: number;
}

export interface Debouncer {
  update(findings: readonly Finding[], now: number): Finding[];
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
