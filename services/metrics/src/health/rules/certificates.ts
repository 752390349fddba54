import type { Finding } from '../finding.ts';
import type { SystemState } from '../system-state.ts';

const DAY_MS = 86_400_000;

export function* certificateRules({ now, collected: { certificates }, thresholds }: SystemState): Generator<Finding> {
  for (const { address, subject, endsAt, problem } of certificates ?? []) {
    const days = endsAt === null ? undefined : (endsAt - now) / DAY_MS;
    if (problem === null && days !== undefined && days > thresholds.certificateDays) continue;
    const ends = endsAt === null ? '' : `ends on ${new Date(endsAt).toISOString().slice(0, 10)}`;
    yield {
      rule: 'certificate.ends',
      key: `certificate ${address}`,
      subject: address,
      severity: 'degraded',
      ...(days !== undefined && {
        measured: days * DAY_MS,
        limit: thresholds.certificateDays * DAY_MS,
        unit: 'ms' as const,
      }),
      message: `the certificate of ${address}${subject === null ? '' : ` (${subject})`} ${[ends, problem && `cannot be verified: ${problem}`].filter(Boolean).join(' and ')}`,
      hint: 'Renew it, and let its server read the new one. It is looked at each hour.',
    };
  }
}
