import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('BUS', {
  UNREACHABLE: row<{ url: string; seconds: number }>({
    status: 503,
    message: (p) => `no NATS server answered at ${p.url} within ${p.seconds} s`,
    hint: 'Start nats-server with JetStream (nats-server -js), or set NATS_URL to where it listens.',
    retryAfter: 1,
  }),
  NO_JETSTREAM: row<{ url: string }>({
    status: 503,
    message: (p) => `the NATS server at ${p.url} has no JetStream`,
    hint: 'Start nats-server with -js, or add a jetstream {} block to its configuration.',
  }),
  STREAM_REFUSED: row<{ stream: string; reason: string }>({
    status: 503,
    message: (p) => `NATS did not accept the stream ${p.stream}: ${p.reason}`,
    hint: 'Give JetStream more room (max_file_store), or lower the limits of the stream in the configuration.',
  }),
  DISCONNECTED: row<{ server: string }>({
    status: 503,
    message: (p) => `the connection to NATS (${p.server}) is lost; reconnecting`,
    hint: 'It reconnects by itself once nats-server answers. Is it running?',
    retryAfter: 1,
  }),
});
