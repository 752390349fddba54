/** WebSocket `/live`, subprotocol `tidemark.v1`: JSON text frames. */
import { type Static, Type } from 'typebox';
import {
  JoinedFrame,
  JoinFrame,
  LeaveFrame,
  LeftFrame,
  MessageFrame,
  PresenceFrame,
  SendFrame,
  StateFrame,
} from './channels.ts';
import { POSITION_PATTERN, TIDEMARK_PATTERN } from './tidemark.ts';

export const LIVE_SUBPROTOCOL = 'tidemark.v1';

/**
 * The gateway's default limit of a URL, so that every readable query can be subscribed. A frame may be larger
 * (MAX_FRAME_BYTES), so that a longer query is refused with a reason and the socket stays open.
 */
export const LIVE_QUERY_BYTES = 60 * 1024;

const Id = Type.String({ minLength: 1, maxLength: 64, description: 'chosen by the client, unique on its socket' });

export const AuthFrame = Type.Object(
  { op: Type.Literal('auth'), token: Type.String({ minLength: 1, maxLength: 16_384 }) },
  { additionalProperties: false },
);

export const SubscribeFrame = Type.Object(
  {
    op: Type.Literal('subscribe'),
    id: Id,
    query: Type.String({
      minLength: 1,
      description: `the path and query of a GET below /rest/v1/, at most ${LIVE_QUERY_BYTES} bytes`,
    }),
    profile: Type.Optional(Type.String({ maxLength: 63, description: 'schema, like Accept-Profile; default public' })),
    snapshot: Type.Optional(Type.Boolean({ default: false })),
    after: Type.Optional(
      Type.Union([Type.String({ pattern: POSITION_PATTERN }), Type.String({ pattern: TIDEMARK_PATTERN })]),
    ),
    mode: Type.Optional(Type.Union([Type.Literal('every'), Type.Literal('latest')])),
  },
  { additionalProperties: false },
);

export const UnsubscribeFrame = Type.Object(
  { op: Type.Literal('unsubscribe'), id: Id },
  { additionalProperties: false },
);

/** Browsers do not expose the WebSocket's own pings to a page; with these frames it detects a half-open connection. */
export const PingFrame = Type.Object({ op: Type.Literal('ping') }, { additionalProperties: false });

export const ClientFrame = Type.Union([
  AuthFrame,
  SubscribeFrame,
  UnsubscribeFrame,
  PingFrame,
  JoinFrame,
  LeaveFrame,
  SendFrame,
  StateFrame,
]);
export type ClientFrame = Static<typeof ClientFrame>;
export type SubscribeFrame = Static<typeof SubscribeFrame>;

const Row = Type.Record(Type.String(), Type.Unknown());

export const LiveChange = Type.Object({
  type: Type.Union([
    Type.Literal('insert'),
    Type.Literal('update'),
    Type.Literal('delete'),
    Type.Literal('enter'),
    Type.Literal('leave'),
  ]),
  row: Type.Optional(Row),
  old: Type.Optional(Row),
  index: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        'in a window (order and limit), the place of the row: drop all rows of the frame, then put each at its index, ascending',
    }),
  ),
});
export type LiveChange = Static<typeof LiveChange>;

/** The limits of one socket, sent with `ready`, so that a client need not learn them from refusals. */
export const SocketLimits = Type.Object({
  frameBytes: Type.Integer({ description: 'bytes of a client’s frame; a larger one closes the socket' }),
  framesPerSecond: Type.Integer({ description: 'the server reads no more than this' }),
  subscriptions: Type.Integer(),
  channels: Type.Integer(),
});
export type SocketLimits = Static<typeof SocketLimits>;

export const ServerFrame = Type.Union([
  Type.Object({
    op: Type.Literal('ready'),
    role: Type.String(),
    expires: Type.Optional(Type.Integer()),
    limits: Type.Optional(SocketLimits),
  }),
  Type.Object({ op: Type.Literal('pong') }),
  Type.Object({
    op: Type.Literal('subscribed'),
    id: Id,
    topic: Type.Integer(),
    key: Type.Array(Type.String(), {
      description:
        'the columns that identify a row (see PROTOCOL.md), under their names in the rows; empty if the table has none',
    }),
  }),
  Type.Object({ op: Type.Literal('unsubscribed'), id: Id }),
  Type.Object({
    op: Type.Literal('snapshot'),
    topic: Type.Integer(),
    rows: Type.Array(Row),
    done: Type.Boolean(),
    tidemark: Type.Optional(Type.String({ description: 'in the last frame: no row is newer than this' })),
    position: Type.Optional(
      Type.String({
        description: 'in the last frame if it is known; otherwise a later frame of changes, possibly empty, has it',
      }),
    ),
  }),
  Type.Object({
    op: Type.Literal('changes'),
    topic: Type.Integer(),
    position: Type.Optional(
      Type.String({ description: 'absent only in parts (`more`) that belong to the preceding snapshot' }),
    ),
    more: Type.Optional(
      Type.Boolean({
        description:
          'the transaction continues: a client that shows whole transactions keeps these changes until a frame of the topic without `more`',
      }),
    ),
    changes: Type.Array(LiveChange),
  }),
  Type.Object({ op: Type.Literal('resync'), topic: Type.Integer(), reason: Type.String() }),
  Type.Object({
    op: Type.Literal('error'),
    id: Type.Optional(Id),
    channel: Type.Optional(Type.String()),
    frame: Type.Optional(Type.String({ description: 'the op of the refused frame, if there was one' })),
    code: Type.String(),
    message: Type.String(),
    hint: Type.Optional(Type.String()),
    retry: Type.Boolean(),
  }),
  JoinedFrame,
  LeftFrame,
  MessageFrame,
  PresenceFrame,
  Type.Object({
    op: Type.Literal('draining'),
    reconnectInMs: Type.Integer({
      minimum: 0,
      description: 'the socket works until this time; then reconnect, before the server closes it',
    }),
    url: Type.Optional(Type.String({ description: 'the address to reconnect to; absent: the address of this socket' })),
  }),
]);
export type ServerFrame = Static<typeof ServerFrame>;

/** WebSocket close codes. 4000–4099: reconnect; 4100–4199: reconnect only after the cause was corrected. */
export const CLOSE_CODES = {
  GOING_AWAY: 1001,
  MESSAGE_TOO_LARGE: 1009,
  TRY_AGAIN_LATER: 1013,
  HEARTBEAT_LOST: 4000,
  TOO_SLOW: 4001,
  AUTH_REQUIRED: 4100,
  TOKEN_EXPIRED: 4101,
  LIMIT_EXCEEDED: 4102,
  BAD_SUBPROTOCOL: 4103,
} as const;
