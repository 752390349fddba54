/** The subscriptions of an instance. */
import { type Static, Type } from 'typebox';
import { OperatorToken, OrNull, Schema, Table } from './operator.ts';

/** `realtime-1/12/s1`: the instance, the number of its WebSocket (`e12` for an event stream), and the client's id. */
export const SUBSCRIPTION_NAME_PATTERN = '^[^/]{1,64}/e?[0-9]{1,15}/[\\s\\S]{1,64}$';
export const SubscriptionName = Type.String({
  pattern: SUBSCRIPTION_NAME_PATTERN,
  description: '<instance>/<number of its socket>/<the client’s id>, as /live lists it',
});

export const LIVE_LIST_LIMIT = 500;

export const LiveListRequest = Type.Object({
  token: OperatorToken,
  schema: Type.Optional(Schema),
  table: Type.Optional(Table),
  role: Type.Optional(Type.String({ maxLength: 63 })),
  user: Type.Optional(Type.String({ maxLength: 256, description: 'the claim sub' })),
  after: Type.Integer({ minimum: 0, description: 'the number of the last subscription of the previous page' }),
  limit: Type.Integer({ minimum: 1, maximum: LIVE_LIST_LIMIT }),
});
export type LiveListRequest = Static<typeof LiveListRequest>;

/** A subscription. It shows only the claim `sub`, and never the token. */
export const LiveSubscription = Type.Object({
  sub: SubscriptionName,
  number: Type.Integer({ description: 'numbered on its instance in the order of subscribing' }),
  schema: Type.String(),
  query: Type.String({ description: 'in its canonical form' }),
  mode: Type.Enum(['every', 'latest']),
  window: Type.Boolean({ description: 'order and limit' }),
  state: Type.Enum(['catching up', 'live']),
  role: Type.String(),
  user: OrNull(Type.String({ description: 'the claim sub' })),
  startedAt: Type.Integer({ description: 'milliseconds since 1970' }),
  changes: Type.Integer({ description: 'changes sent since startedAt, without the snapshot' }),
  subscribers: Type.Integer({ description: 'subscribers of its topic on its instance; they receive the same frames' }),
  bufferedBytes: Type.Integer({ description: 'bytes that wait for its socket' }),
});
export type LiveSubscription = Static<typeof LiveSubscription>;

export const LiveList = Type.Object({
  sockets: Type.Integer(),
  eventStreams: Type.Integer(),
  subscriptions: Type.Integer(),
  topics: Type.Integer(),
  page: Type.Array(LiveSubscription),
  next: OrNull(Type.Integer({ description: 'the value of `after` for the next page; null on the last one' })),
});
export type LiveList = Static<typeof LiveList>;
