import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('BUS', {
  INVALID_OPTIONS: row<{ problem: string; remedy: string }>({
    status: 500,
    message: (p) => p.problem,
    hint: (p) => p.remedy,
  }),
  UNREACHABLE: row<{ url: string; seconds: number; reason: string }>({
    status: 503,
    message: (p) => `no NATS server answered at ${p.url} within ${p.seconds} s`,
    details: (p) => p.reason,
    publicMessage: 'the message broker cannot be reached',
    publicDetails: 'the log of the service has the reason',
    hint: 'Start nats-server with JetStream (nats-server -js), or set NATS_URL to its address.',
    retryAfter: 1,
  }),
  UNAUTHORIZED: row<{ servers: string; reason: string }>({
    status: 503,
    message: (p) => `NATS (${p.servers}) refuses this service’s credentials: ${p.reason}`,
    publicMessage: 'the message broker refuses this service',
    hint: 'Set NATS_USER and NATS_PASSWORD (or NATS_TOKEN, NATS_CREDS_FILE, NATS_NKEY_SEED_FILE, or a user in NATS_URL) to credentials that the server accepts.',
    retryAfter: 5,
  }),
  TLS_FAILED: row<{ servers: string; reason: string }>({
    status: 503,
    message: (p) => `no TLS connection to NATS (${p.servers}): ${p.reason}`,
    publicMessage: 'the message broker cannot be reached',
    hint: 'Set NATS_TLS_CA_FILE to the authority that signed the server’s certificate, and NATS_URL to a host name in that certificate. For a server without TLS use nats:// and no NATS_TLS_ setting.',
  }),
  PERMISSION_DENIED: row<{ operation: string; subject: string }>({
    status: 503,
    message: (p) => `NATS does not allow this service to ${p.operation} ${p.subject}`,
    hint: 'Give its user the permissions that infra/nats lists for the service, with the same NATS_PREFIX, and start the service again.',
  }),
  NO_JETSTREAM: row<{ url: string }>({
    status: 503,
    message: (p) => `the NATS server at ${p.url} has no JetStream`,
    publicMessage: 'the message broker is not ready',
    hint: 'Start nats-server with -js, or add a jetstream {} block to its configuration.',
  }),
  STREAM_REFUSED: row<{ stream: string; reason: string }>({
    status: 503,
    message: (p) => `NATS did not accept the stream ${p.stream}: ${p.reason}`,
    hint: 'Give JetStream more room (max_file_store), or lower the limits of the stream in the configuration.',
  }),
  CONSUMER_STALLED: row<{ ms: number }>({
    status: 503,
    message: (p) => `no message arrived from JetStream for ${p.ms} ms, not even the relay’s heartbeat`,
    hint: 'Check that a realtime instance runs the relay and that NATS is reachable.',
    retryAfter: 1,
  }),
  DISCONNECTED: row<{ server: string }>({
    status: 503,
    message: (p) => `the connection to NATS (${p.server}) is lost; reconnecting`,
    publicMessage: 'the connection to the message broker is lost',
    hint: 'The service reconnects once nats-server answers. Check that it is running.',
    retryAfter: 1,
  }),
  NOBODY: row<{ subject: string }>({
    status: 503,
    message: (p) => `no instance answers on ${p.subject}`,
    hint: 'Check that the instance is running, with the same NATS_URL and NATS_PREFIX.',
    retryAfter: 1,
  }),
  NO_ANSWER: row<{ subject: string; ms: number }>({
    status: 504,
    message: (p) => `no answer arrived on ${p.subject} within ${p.ms} ms`,
    hint: 'Try again. The instance may be overloaded: see its /readyz and event loop delay.',
    retryAfter: 1,
  }),
  ASK_FAILED: row<{ subject: string; reason: string }>({
    status: 503,
    message: (p) => `the request on ${p.subject} failed: ${p.reason}`,
    hint: 'Try again; the log of the NATS server has more.',
    retryAfter: 1,
  }),
  INVALID_ANSWER: row<{ subject: string; problem: string }>({
    status: 502,
    message: (p) => `the answer on ${p.subject} is invalid: ${p.problem}`,
    hint: 'Run the same version of all services.',
  }),
  INVALID_QUESTION: row<{ subject: string; problem: string }>({
    status: 400,
    message: (p) => `the request on ${p.subject} is invalid: ${p.problem}`,
    hint: 'Run the same version of all services.',
  }),
  BUSY: row<{ subject: string; limit: number }>({
    status: 503,
    message: (p) => `the limit of ${p.limit} concurrent requests on ${p.subject} is reached`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  NOT_ANSWERED: row<{ subject: string; reason: string }>({
    status: 500,
    message: (p) => `the request on ${p.subject} could not be answered: ${p.reason}`,
    hint: 'If the answer was too large for NATS, use a lower limit; otherwise the log of that instance has the cause.',
  }),
});
