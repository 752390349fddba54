import { defineErrors, row } from '@tidemark/contracts';

export const idempotencyErrors = defineErrors('GATEWAY', {
  IDEMPOTENCY_KEY: row<{ reason: string }>({
    status: 400,
    message: (p) => `the Idempotency-Key cannot be used: ${p.reason}`,
    hint: 'Send one key of 1 to 255 visible ASCII characters, such as a UUID.',
  }),
  IDEMPOTENCY_MISMATCH: row<{ key: string }>({
    status: 422,
    message: (p) => `the Idempotency-Key "${p.key}" was used for another request`,
    hint: 'Repeat a request exactly as it was first sent, or send a new key.',
  }),
  IDEMPOTENCY_BUSY: row<{ key: string }>({
    status: 409,
    message: (p) => `a request with the Idempotency-Key "${p.key}" is still running`,
    hint: 'Try again after Retry-After; then you get its answer.',
    retryAfter: 1,
  }),
  IDEMPOTENCY_ANSWER: row<{ bytes: number; maximum: number }>({
    status: 400,
    message: (p) => `the answer has ${p.bytes} bytes; at most ${p.maximum} can be kept for an Idempotency-Key`,
    hint: 'Nothing was changed. Send Prefer: return=minimal, or fewer rows.',
  }),
  IDEMPOTENCY_FULL: row<{ keys: number; bytes: number }>({
    status: 503,
    message: (p) => `${p.keys} Idempotency-Keys are kept already, with ${p.bytes} bytes of answers`,
    hint: 'Nothing was changed. Older keys expire; operators may raise IDEMPOTENCY_KEYS_MAX and IDEMPOTENCY_BYTES_MAX, or lower IDEMPOTENCY_TTL_S.',
    retryAfter: 60,
  }),
  IDEMPOTENCY_SHARE: row<{ keys: number; bytes: number }>({
    status: 429,
    message: (p) => `${p.keys} of your Idempotency-Keys are kept already, with ${p.bytes} bytes of answers`,
    hint: 'Nothing was changed. Older keys expire; send Prefer: return=minimal, or no key for writes that may be repeated.',
    retryAfter: 60,
  }),
  IDEMPOTENCY_SUBJECT: row<{ key: string }>({
    status: 400,
    message: (p) => `the Idempotency-Key "${p.key}" has no owner: the request has no token with a subject`,
    hint: 'Nothing was changed. Send a token with a "sub" claim, or leave the header out: then a repeated request writes again.',
  }),
  IDEMPOTENCY_FORMER: row<{ key: string }>({
    status: 409,
    message: (p) => `the Idempotency-Key "${p.key}" was used before an upgrade that changed the scope of keys`,
    hint: 'Nothing was changed now. Check whether the first request was executed; if it was not, send it with a new key.',
  }),
});
