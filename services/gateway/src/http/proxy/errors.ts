import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('GATEWAY', {
  UPSTREAM_AWAY: row<{ path: string }>({
    status: 503,
    message: (p) => `the service behind ${p.path} cannot be reached`,
    hint: 'Try again after Retry-After. If it lasts, check that it runs at the address in the configuration of the gateway.',
    retryAfter: 1,
  }),
  PROXY_LENGTH: row({
    status: 411,
    message: 'the request has a body without Content-Length',
    hint: 'Send Content-Length: bodies for the performance API are bounded before they are passed on.',
  }),
  CROSS_SITE: row<{ origin: string }>({
    status: 403,
    message: (p) => `a page of ${p.origin} may not send this request`,
    hint: 'Send Content-Type: application/json, and name the origin in CORS_ORIGINS: then the browser asks first.',
  }),
  UPGRADE_EARLY_DATA: row({
    status: 400,
    message: 'frames were sent before the WebSocket was open',
    hint: 'Wait for the answer 101 (RFC 6455 §4.1), then send.',
  }),
});
