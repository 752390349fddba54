import { defineErrors, row } from '@tidemark/contracts';
import { whose } from './whose.ts';

export const socketErrors = defineErrors('RT', {
  FRAME_INVALID: row<{ expected: string }>({
    status: 400,
    message: (p) => `invalid frame: ${p.expected}`,
    hint: 'Frames are JSON text, such as {"op":"auth",…}, {"op":"subscribe",…} and {"op":"join",…}. PROTOCOL.md lists them.',
  }),
  FRAME_RATE: row<{ limit: number }>({
    status: 429,
    message: (p) => `more than ${p.limit} frames were sent within a second`,
    hint: 'Send fewer frames. Open one subscription for each query and keep it.',
    retryAfter: 1,
  }),
  ID_IN_USE: row<{ id: string }>({
    status: 409,
    message: (p) => `this socket already has a subscription "${p.id}"`,
    hint: 'Unsubscribe it first, or choose another id.',
  }),
  QUERY_IN_USE: row<{ id: string }>({
    status: 409,
    message: (p) => `this socket already follows the same query, as "${p.id}"`,
    hint: 'Use that subscription. A topic is sent once to a socket.',
  }),
  ID_UNKNOWN: row<{ id: string }>({
    status: 404,
    message: (p) => `this socket has no subscription "${p.id}"`,
    hint: 'It may have ended with a resync.',
  }),
  SOCKET_SUBSCRIPTIONS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this socket has ${p.limit} subscriptions, which is the limit`,
    hint: 'Unsubscribe queries that are no longer shown, or open another socket.',
    retryAfter: 5,
  }),
  SOCKET_FILTERS: row<{ steps: number; limit: number }>({
    status: 429,
    message: (p) =>
      `with this query, the filters of this socket may take ${p.steps} steps for each row; the limit is ${p.limit}`,
    hint: 'Unsubscribe queries that are no longer shown, use simpler filters, or open another socket.',
    retryAfter: 5,
  }),
  TOO_MANY_SUBSCRIPTIONS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) => `this ${whose(p.where)} has its ${p.limit} subscriptions`,
    hint: (p) =>
      p.where === 'instance'
        ? 'Try again, or reconnect to reach another instance.'
        : 'Unsubscribe queries that are no longer shown.',
    retryAfter: 5,
  }),
  TOO_MANY_SOCKETS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this identity has ${p.limit} WebSockets, its share of a busy instance`,
    hint: 'Close WebSockets that are no longer needed, or reconnect to reach another instance.',
    retryAfter: 5,
  }),
  NOT_FOLLOWING: row<{ reason: string }>({
    status: 503,
    message: (p) => `this instance does not follow the changes at present: ${p.reason}`,
    hint: 'Try again, or reconnect to reach another instance.',
    retryAfter: 1,
  }),
  INTERNAL: row({
    status: 500,
    message: 'internal server error',
    hint: 'The log of the service has the reason. Please report it.',
  }),
  TOO_MANY_STREAMS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) => `this ${whose(p.where)} has ${p.limit} event streams, which is the limit`,
    hint: 'Try again, or reconnect to reach another instance.',
    retryAfter: 5,
  }),
  STREAM_QUERY: row({
    status: 400,
    message: 'an event stream needs a query',
    hint: 'Send GET /live?query=<the path of a GET, percent-encoded>, or connect by WebSocket with the subprotocol tidemark.v1.',
  }),
  FRAMES_WAITING: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) => `the frames that wait for this ${whose(p.where)} take ${p.limit} bytes already`,
    hint: 'Wait for the answers before you send more frames.',
    retryAfter: 1,
  }),
  TOKEN_EXPIRED: row({
    status: 401,
    message: 'the token of this socket has expired',
    hint: 'Send {"op":"auth"} with a new token in time, or reconnect with one.',
  }),
});
