import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('GATEWAY', {
  UPSTREAM_AWAY: row<{ path: string }>({
    status: 503,
    message: (p) => `the service behind ${p.path} cannot be reached`,
    hint: 'Try again after Retry-After. If it lasts, check that it runs at the address in the configuration of the gateway.',
    retryAfter: 1,
  }),
  UPGRADE_EARLY_DATA: row({
    status: 400,
    message: 'frames were sent before the WebSocket was open',
    hint: 'Wait for the answer 101 (RFC 6455 §4.1), then send.',
  }),
});
