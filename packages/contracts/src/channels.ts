/**
 * Channels: ephemeral messages and presence between sockets on any instance, delivered at most once and never stored.
 * `join`, `leave`, `send` and `state` are a client's frames, the others the server's. Instances send ChannelBroadcast
 * to each other on `channels.<name>` (core NATS).
 */
import { type Static, Type } from 'typebox';

/** `room:42`: a kind, which policies check, and a key. */
export const CHANNEL_PATTERN = '^[a-z][a-z0-9_-]{0,31}:[^\\s\\u0000-\\u001f]{1,128}$';

export const ChannelName = Type.String({ pattern: CHANNEL_PATTERN, description: '<kind>:<key>, such as room:42' });
const State = Type.Record(Type.String(), Type.Unknown(), { description: 'state of a member that others see' });

export const JoinFrame = Type.Object(
  {
    op: Type.Literal('join'),
    channel: ChannelName,
    state: Type.Optional(State),
    tidemark: Type.Optional(
      Type.String({ maxLength: 64, description: 'the policies are evaluated on data at least as new as this' }),
    ),
  },
  { additionalProperties: false },
);
export const LeaveFrame = Type.Object(
  { op: Type.Literal('leave'), channel: ChannelName },
  { additionalProperties: false },
);
export const SendFrame = Type.Object(
  {
    op: Type.Literal('send'),
    channel: ChannelName,
    event: Type.String({ minLength: 1, maxLength: 64 }),
    payload: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);
export const StateFrame = Type.Object(
  { op: Type.Literal('state'), channel: ChannelName, state: State },
  { additionalProperties: false },
);
export type JoinFrame = Static<typeof JoinFrame>;
export type SendFrame = Static<typeof SendFrame>;
export type StateFrame = Static<typeof StateFrame>;

export const Member = Type.Object({
  id: Type.String({ description: 'identifies this socket in this channel' }),
  user: Type.Union([Type.String(), Type.Null()], {
    description: 'the claim sub; null if there is none, and in every channel that the anonymous role may join',
  }),
  state: State,
});
export type Member = Static<typeof Member>;

export const JoinedFrame = Type.Object({
  op: Type.Literal('joined'),
  channel: ChannelName,
  member: Type.String({ description: 'the socket’s own id, and the "from" of its messages' }),
  members: Type.Array(Member),
});
export const LeftFrame = Type.Object({
  op: Type.Literal('left'),
  channel: ChannelName,
  reason: Type.Optional(Type.String({ description: 'present if the client did not ask to leave' })),
});
export const MessageFrame = Type.Object({
  op: Type.Literal('message'),
  channel: ChannelName,
  event: Type.String(),
  payload: Type.Unknown(),
  from: Type.String(),
});
export const PresenceFrame = Type.Object({
  op: Type.Literal('presence'),
  channel: ChannelName,
  joined: Type.Array(Member, { description: 'new members, and members with a new state' }),
  left: Type.Array(Type.String()),
});

const Instance = Type.String({ minLength: 1, maxLength: 128 });

export const ChannelBroadcast = Type.Union([
  Type.Object({
    kind: Type.Literal('message'),
    instance: Instance,
    from: Type.String(),
    event: Type.String(),
    payload: Type.Unknown(),
  }),
  /** A new instance asks the others for their members. */
  Type.Object({ kind: Type.Literal('who'), instance: Instance }),
  /** All members of an instance: a reply to `who`, and its heartbeat. An empty list means that it has left. */
  Type.Object({ kind: Type.Literal('here'), instance: Instance, members: Type.Array(Member) }),
  Type.Object({
    kind: Type.Literal('change'),
    instance: Instance,
    joined: Type.Array(Member),
    left: Type.Array(Type.String()),
  }),
]);
export type ChannelBroadcast = Static<typeof ChannelBroadcast>;
