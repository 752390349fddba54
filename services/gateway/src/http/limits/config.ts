import { Type } from 'typebox';

/** The syntax of parsePolicies. */
const POLICIES = '^\\s*(off|(([A-Za-z_][A-Za-z0-9_]*|\\*)=[1-9][0-9]{0,8}/[1-9][0-9]{0,4}s\\s*(,\\s*(?=\\S)|$))*)\\s*$';

export const limitsConfig = {
  RATE_LIMITS: Type.String({
    default: 'anon=5000/10s,service_role=50000/10s,*=2000/10s',
    pattern: POLICIES,
    description:
      'requests of an identity (the subject of a token, else an address) by role, such as anon=300/60s,*=3000/60s (*: any other role), or off. They bind as RATE_LIMITS_BIND says',
  }),
  RATE_LIMITS_BIND: Type.Enum(['busy', 'always'], {
    default: 'busy',
    description:
      'busy: RATE_LIMITS bind while the load is over half of what sheds requests (SHED_LOOP_MS, the queue for Postgres, REQUESTS_MAX), so that many clients may share an address; always: they are quotas, with RateLimit headers',
  }),
  WORK_LIMITS: Type.String({
    default: 'anon=2000/10s,service_role=50000/10s,*=5000/10s',
    pattern: POLICIES,
    description:
      'ms of work (of Postgres, and of the gateway for what it reads and sends) that the requests of an identity may cause, by role, or off. They bind while the gateway or a pool is over half in use and other identities send requests as well',
  }),
  SHED_QUEUE_MS: Type.Integer({
    default: 1_000,
    minimum: 0,
    maximum: 60_000,
    description:
      'target for the time in ms that requests wait for a connection to Postgres; new requests get 503 to keep it there. 0: off',
  }),
  SHED_LOOP_MS: Type.Integer({
    default: 500,
    minimum: 0,
    maximum: 60_000,
    description:
      'target for the delay of the event loop in ms; new requests get 503 to keep it there. Half of a probe’s 1 s; a burst of 1,000 clients stays below. 0: off',
  }),
  REQUESTS_MAX: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'requests being answered; one more gets 503. Each holds about 20 KB',
  }),
  CONNECTIONS_MAX: Type.Integer({
    default: 20_000,
    minimum: 10,
    description:
      'open connections, about 15 KB each; more get 503 and are closed, probes excepted. Check ulimit -n, too',
  }),
  HEADER_LIMIT_BYTES: Type.Integer({
    default: 60 * 1024,
    minimum: 4_096,
    maximum: 1024 ** 2,
    description:
      'bytes of URL and headers: a filter of 5,000 ids. Below 64 KB, one read of a socket, 414 and 431 can be told apart',
  }),
  HEADERS_TIMEOUT_MS: Type.Integer({
    default: 10_000,
    minimum: 500,
    description: 'ms for a request’s headers, and for the first request on a connection: slower clients get 408',
  }),
  KEEP_ALIVE_MS: Type.Integer({
    default: 72_000,
    minimum: 1_000,
    description:
      'ms that a connection may idle between requests: longer than load balancers keep theirs, commonly 60 s',
  }),
  SLOW_READER_MS: Type.Integer({
    default: 30_000,
    minimum: 500,
    description:
      'ms in which a client must read what it is sent, plus the time for its size at SLOW_READER_BYTES_PER_S',
  }),
  SLOW_READER_BYTES_PER_S: Type.Integer({
    default: 64 * 1024,
    minimum: 1,
    description: 'bytes a second that a client must read; slower ones are cut off. 0.5 Mbit/s',
  }),
  UNSENT_MAX_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 1024 ** 2,
    description:
      'bytes of answers that clients have not read yet; beyond it, those that have waited longest are cut off',
  }),
  CORS_ORIGINS: Type.String({
    default: '*',
    pattern: '^(\\*|none|https?://[^,/\\s]+(\\s*,\\s*https?://[^,/\\s]+)*)$',
    description:
      'origins whose pages may call the API, separated by commas; *: all (tokens are sent by script, not by cookie); none',
  }),
  CORS_CREDENTIALS: Type.Boolean({
    default: false,
    description:
      'whether pages may send cookies and TLS certificates along, for proxies that ask for them; needs named origins',
  }),
  HSTS_MAX_AGE_S: Type.Integer({
    default: 0,
    minimum: 0,
    description:
      'seconds that browsers must use HTTPS for this host (31536000 once all of it is HTTPS); 0: no such header',
  }),
};
