/** A claim of a story, and what was measured. */
export interface Claim {
  readonly claim: string;
  readonly measured: string;
  /** Null: it could not be measured here, and `measured` says why. */
  readonly met: boolean | null;
  /** A time or a rate, which depends on the machine. */
  readonly isSpeed: boolean;
}

export const holds = (claim: string, met: boolean, measured: string): Claim => ({
  claim,
  measured,
  met,
  isSpeed: false,
});

export const speed = (claim: string, met: boolean, measured: string): Claim => ({
  claim,
  measured,
  met,
  isSpeed: true,
});

export const unmeasured = (claim: string, reason: string): Claim => ({
  claim,
  measured: `not measured: ${reason}`,
  met: null,
  isSpeed: false,
});

export function claimTable(claims: readonly Claim[]): string[] {
  const width = Math.max(...claims.map(({ claim }) => claim.length), 'claim'.length);
  const lines = claims.map(({ claim, met, measured }) => `${marks[String(met)]}  ${claim.padEnd(width)}  ${measured}`);
  return [`     ${'claim'.padEnd(width)}  measured`, ...lines];
}

const marks: Record<string, string> = { true: 'yes', false: 'NO ', null: ' - ' };
