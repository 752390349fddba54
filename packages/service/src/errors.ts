import { defineErrors, row } from '@tidemark/contracts';

export const configErrors = defineErrors('CONFIG', {
  INVALID: row<{ problems: string[] }>({
    status: 500,
    message: (p) =>
      `${p.problems.length === 1 ? 'a setting is' : `${p.problems.length} settings are`} wrong:\n${p.problems.map((x) => `  - ${x}`).join('\n')}`,
    hint: 'Correct the environment variables named above; each service’s README lists them all.',
  }),
});

export const processErrors = defineErrors('PROCESS', {
  SNAPSHOT_OFF: row({
    status: 403,
    message: 'this instance writes no heap snapshots',
    hint: 'A snapshot has every secret and row that the process knows. Set INSPECT_HEAP=on to allow them.',
  }),
  MEMORY: row<{ needed: number; available: number }>({
    status: 503,
    message: (p) =>
      `a heap snapshot takes some ${Math.ceil(p.needed / 1024 ** 2)} MB of memory, and ${Math.floor(p.available / 1024 ** 2)} MB are available`,
    hint: 'Take a heap profile instead (what=heap), or give the process more memory.',
  }),
  FOLDER: row<{ folder: string }>({
    status: 500,
    message: (p) => `the folder ${p.folder} belongs to another user, or others may open it`,
    hint: 'Remove it; the service makes it anew.',
  }),
  NO_WORKER: row<{ id: number; known: readonly string[] }>({
    status: 404,
    message: (p) => `there is no worker ${p.id} in this instance`,
    hint: (p) =>
      p.known.length === 0 ? 'It has no workers.' : `Its workers are ${p.known.join(', ')}: see workers/info.`,
  }),
  THREAD: row<{ reason: string }>({
    status: 503,
    message: (p) => `the worker did not answer: ${p.reason}`,
    hint: 'It may have ended; workers/info lists those that run.',
  }),
});

export const authErrors = defineErrors('AUTH', {
  TOKEN_INVALID: row<{ reason: string }>({
    status: 401,
    message: (p) => `the token is not valid: ${p.reason}`,
    hint: 'Send Authorization: Bearer <JWT>, signed with this server’s secret or by its issuer.',
  }),
  TOKEN_EXPIRED: row<{ at: string }>({
    status: 401,
    message: (p) => `the token expired at ${p.at}`,
    hint: 'Ask the issuer for a new token.',
  }),
  TOKEN_NOT_YET: row<{ at: string }>({
    status: 401,
    message: (p) => `the token is not valid before ${p.at}`,
    hint: 'Check the clocks of the issuer and of this server.',
  }),
  TOKEN_CLAIM: row<{ reason: string }>({
    status: 401,
    message: (p) => `the claims of the token are not valid: ${p.reason}`,
    hint: 'Have its issuer correct the claim; times are seconds since 1970, as numbers.',
  }),
  SECRET_MISSING: row({
    status: 500,
    message: 'this server has no key to verify tokens with',
    hint: 'Set JWT_SECRET, JWT_JWKS or JWT_JWKS_URL.',
  }),
  ROLE_MISSING: row<{ permitted: readonly string[] }>({
    status: 401,
    message: 'the token has no role claim',
    hint: (p) => `Have its issuer add "role": ${p.permitted.join(', ')}; or set JWT_DEFAULT_ROLE on the server.`,
  }),
  ROLE_UNKNOWN: row<{ role: string; permitted: readonly string[] }>({
    status: 403,
    message: (p) => `the token’s role "${p.role.slice(0, 63)}" may not be used here`,
    hint: (p) => `Use a role that the server accepts (JWT_ROLES): ${p.permitted.join(', ')}.`,
  }),
  KEYS_UNAVAILABLE: row<{ reason: string }>({
    status: 503,
    message: 'the keys that verify tokens are not available',
    details: (p) => p.reason,
    hint: 'Try again after Retry-After. If it persists, check that this server reaches JWT_JWKS_URL.',
    retryAfter: 5,
  }),
  KEYS_ANSWER: row<{ reason: string }>({
    status: 503,
    message: (p) => p.reason,
    hint: 'Set JWT_JWKS_URL to an address that returns the JSON Web Key Set itself with status 200.',
  }),
  REQUIRED: row({
    status: 401,
    message: 'this request needs a token',
    hint: 'Send Authorization: Bearer <JWT>.',
  }),
  METRICS: row({
    status: 401,
    message: 'only operators may read /metrics',
    hint: 'Send Authorization: Bearer <token> with a token whose role is ops, or with METRICS_TOKEN.',
  }),
  FORBIDDEN: row<{ role: string; needed: string }>({
    status: 403,
    message: (p) => `the role "${p.role}" may not do this`,
    hint: (p) => `Use a token whose role claim is ${p.needed}.`,
  }),
});

export const limitErrors = defineErrors('LIMIT', {
  RATE_LIMITS: row<{ problem: string }>({
    status: 500,
    message: (p) => `RATE_LIMITS ${p.problem}`,
    hint: 'Write it as role=requests/seconds, such as anon=300/60s,authenticated=3000/60s, or as off.',
  }),
  RATE: row<{ what: string; limit: number; seconds: number; retryAfter: number }>({
    status: 429,
    message: (p) => `more than ${p.limit} ${p.what} in ${p.seconds} s`,
    hint: (p) => `Wait ${p.retryAfter} s (Retry-After).`,
    retryAfter: (p) => p.retryAfter,
  }),
});

export const httpErrors = defineErrors('HTTP', {
  NO_WEBSOCKET: row<{ path: string; paths: readonly string[] }>({
    status: 404,
    message: (p) => `no WebSocket is served at ${p.path.slice(0, 200)}`,
    hint: (p) =>
      p.paths.length > 0
        ? `Connect to ${p.paths.join(' or ')}.`
        : 'This service serves none; the gateway does, at /live.',
  }),
  NOT_FOUND: row<{ method: string; path: string }>({
    status: 404,
    message: (p) => `nothing is served at ${p.method} ${p.path.slice(0, 200)}`,
    hint: 'Check the path; the service’s README lists its endpoints.',
  }),
  INVALID_REQUEST: row<{ reason: string; status: number }>({
    status: 400,
    message: (p) => p.reason,
    hint: 'Correct the request as the message says.',
  }),
  BODY_TOO_LARGE: row<{ maximum: string }>({
    status: 413,
    message: (p) => `the body is larger than ${p.maximum}`,
    hint: 'Send it in several requests, or as a file to /api/v1/files. Operators may raise BODY_LIMIT_BYTES.',
  }),
  MEDIA_TYPE: row<{ type: string }>({
    status: 415,
    message: (p) =>
      p.type === ''
        ? 'the request has a body, and no Content-Type that says what it is'
        : `unsupported media type "${p.type.slice(0, 100)}"`,
    hint: 'Send Content-Type: application/json, or a type that the endpoint’s documentation names.',
  }),
  BAD_URL: row<{ path: string }>({
    status: 400,
    message: (p) => `the path ${p.path.slice(0, 200)} has invalid percent-encoding`,
    hint: 'Percent-encode the path as UTF-8 (encodeURIComponent), and a percent sign as %25.',
  }),
  URL_TOO_LONG: row<{ bytes: number }>({
    status: 414,
    message: (p) => `the URL is too long: the limit with the headers is ${p.bytes} bytes`,
    hint: 'Shorten lists in filters, or call a function by POST /rest/v1/rpc/<function>, which takes them in its body.',
  }),
  HEADERS_TOO_LARGE: row<{ bytes: number }>({
    status: 431,
    message: (p) => `the URL and the headers together exceed ${p.bytes} bytes`,
    hint: 'Send fewer or shorter headers (cookies, tokens), or a shorter URL.',
  }),
  CHUNK_EXTENSIONS: row({
    status: 413,
    message: 'the chunk extensions of the body exceed 16 KB',
    hint: 'Send chunks without extensions.',
  }),
  TOO_SLOW: row({
    status: 408,
    message: 'the request did not arrive in time',
    hint: 'Send it at once and over a fast enough connection; send large uploads to /api/v1/files.',
  }),
  NOT_HTTP: row<{ reason: string }>({
    status: 400,
    message: (p) => `malformed HTTP/1.1 request: ${p.reason}`,
    hint: 'Speak HTTP/1.1 (not HTTPS or HTTP/2) to this port, and percent-encode the URL.',
  }),
  OUT_OF_DESCRIPTORS: row({
    status: 503,
    message: 'no file descriptor is left for another connection',
    hint: 'Nothing was done. Try again after Retry-After. If it persists, raise ulimit -n or start more instances.',
    retryAfter: 1,
  }),
  INTERNAL: row<{ id: string }>({
    status: 500,
    message: 'internal server error',
    details: (p) => `request ${p.id}`,
    hint: 'The log has the cause under this request id.',
  }),
});
