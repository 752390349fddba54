import { defineErrors, row } from '@tidemark/contracts';

export const limitErrors = defineErrors('GATEWAY', {
  RATE_LIMITED: row<{ policy: string; limit: number; seconds: number; retryAfter: number }>({
    status: 429,
    message: (p) => `more than ${p.limit} requests in ${p.seconds} s as ${p.policy}`,
    hint: (p) => `Wait ${p.retryAfter} s (Retry-After). The RateLimit header of each answer says how many are left.`,
    retryAfter: (p) => p.retryAfter,
  }),
  WORK_LIMITED: row<{ retryAfter: number }>({
    status: 429,
    message: 'your recent requests have cost more than your share of this server while other clients wait',
    hint: (p) =>
      `Wait ${p.retryAfter} s (Retry-After), and ask for less: fewer rows and embeds, filters that an index serves.`,
    retryAfter: (p) => p.retryAfter,
  }),
  OVERLOADED: row<{ cause: string }>({
    status: 503,
    message: (p) => `gateway overloaded: ${p.cause}`,
    hint: 'Nothing was done. Try again after Retry-After. If it lasts, start more gateways or find what keeps this one busy.',
    retryAfter: 1,
  }),
  CORS: row<{ problem: string }>({
    status: 500,
    message: (p) => p.problem,
    hint: 'Name the origins in CORS_ORIGINS, or leave CORS_CREDENTIALS off.',
  }),
});
