/** Requests of the metrics service to an instance: its connections and statements, its subscriptions, and what happened to a row's changes. */
import { type Static, type TSchema, Type } from 'typebox';

const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** `realtime-1/12/s1`: the instance, the number of its WebSocket (`e12` for an event stream), and the client's id. */
export const SUBSCRIPTION_NAME_PATTERN = '^[^/]{1,64}/e?[0-9]{1,15}/[\\s\\S]{1,64}$';
const SubscriptionName = Type.String({
  pattern: SUBSCRIPTION_NAME_PATTERN,
  description: '<instance>/<number of its socket>/<the client’s id>, as /live lists it',
});
const Schema = Type.String({ minLength: 1, maxLength: 63 });
const Table = Type.String({ minLength: 1, maxLength: 63 });

/** Permission to publish on NATS does not make an operator: the instance verifies the token itself. */
const OperatorToken = Type.Optional(
  // Characters; longer tokens are never verified.
  Type.String({ maxLength: 16_384, description: 'the JWT of the operator who sent the request' }),
);

export const INSPECTION_LIST_LIMIT = 200;

export const HeldRequest = Type.Object({
  token: OperatorToken,
  limit: Type.Integer({ minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});
export type HeldRequest = Static<typeof HeldRequest>;

/** A connection that is in use, and who uses it. */
export const HeldConnection = Type.Object({
  pool: Type.String(),
  pid: Type.Integer({ description: 'of the backend in Postgres' }),
  heldMs: Type.Number(),
  leaked: Type.Boolean({ description: 'held for longer than the threshold of its pool' }),
  pipeline: Type.Boolean({ description: 'a pipeline holds it for many short reads' }),
  route: OrNull(Type.String({ description: 'the route template or job' })),
  trace: OrNull(Type.String({ description: 'trace id' })),
  statement: OrNull(Type.String({ description: 'the newest statement, without literals' })),
  stack: OrNull(Type.String({ description: 'where it was leased; null where its pool takes no traces' })),
});
export type HeldConnection = Static<typeof HeldConnection>;

/** The longest first. */
export const HeldAnswer = Type.Object({ held: Type.Array(HeldConnection) });
export type HeldAnswer = Static<typeof HeldAnswer>;

export const StatementsRequest = Type.Object({
  token: OperatorToken,
  list: Type.Enum(['slow', 'recent']),
  limit: Type.Integer({ minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});
export type StatementsRequest = Static<typeof StatementsRequest>;

export const RecordedStatement = Type.Object({
  at: Type.Integer({ description: 'its end, ms since 1970' }),
  pool: Type.String(),
  text: Type.String({ description: 'without literals' }),
  waitMs: Type.Number({ description: 'wait for a connection, or for earlier reads of a pipeline' }),
  ms: Type.Number({ description: 'from the first byte sent to the last byte received' }),
  rows: Type.Number(),
  failed: Type.Boolean(),
  route: Type.Optional(Type.String()),
  trace: Type.Optional(Type.String()),
});
export type RecordedStatement = Static<typeof RecordedStatement>;

/** The newest first. */
export const StatementsAnswer = Type.Object({ statements: Type.Array(RecordedStatement) });
export type StatementsAnswer = Static<typeof StatementsAnswer>;

export const StatementTextRequest = Type.Object({
  token: OperatorToken,
  id: Type.String({ pattern: '^[0-9a-f]{12}$', description: 'of StatementFigures' }),
});
export type StatementTextRequest = Static<typeof StatementTextRequest>;

/** The whole text, as it was sent to Postgres: the metrics service explains it, and shows it to nobody. */
export const StatementTextAnswer = Type.Object({ text: OrNull(Type.String()) });
export type StatementTextAnswer = Static<typeof StatementTextAnswer>;

export const RequestsRequest = Type.Object({
  token: OperatorToken,
  id: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: 'the header x-request-id of the response' }),
  ),
  route: Type.Optional(Type.String({ maxLength: 200 })),
  table: Type.Optional(Table),
  limit: Type.Integer({ minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});
export type RequestsRequest = Static<typeof RequestsRequest>;

const partMs = (description: string) => Type.Number({ description });

/** A request that was slow, failed or was refused, and where its time went. */
export const RequestRecord = Type.Object({
  id: Type.String({ description: 'x-request-id of the request, or the one that the gateway gave it' }),
  at: Type.Integer({ description: 'its end, ms since 1970' }),
  why: Type.Enum(['slow', 'failed', 'refused']),
  status: Type.Integer(),
  code: OrNull(Type.String({ description: 'a SQLSTATE, or a code of Tidemark or PostgREST' })),
  route: Type.String(),
  table: OrNull(Type.String({ description: 'the table or function in its path' })),
  role: OrNull(Type.String()),
  identity: OrNull(Type.String({ description: 'a hash: equal for the requests of one identity, in all instances' })),
  trace: OrNull(Type.String({ description: 'trace id of the traceparent that came with it' })),
  asked: OrNull(Type.String({ description: 'the tidemark that it asked for' })),
  served: OrNull(Type.String({ description: 'the tidemark of the response' })),
  ms: Type.Number({ description: 'from its head to the end of the response; the parts add up to it' }),
  parts: Type.Object({
    queueMs: partMs('verifying the token, and waiting to be admitted'),
    bodyMs: partMs('receiving and parsing the body'),
    planMs: partMs('until the first statement was asked for'),
    poolMs: partMs('waiting for a connection, or for earlier reads of a pipeline'),
    sqlMs: partMs('statements, from the first byte sent to the last byte received'),
    betweenMs: partMs('between statements'),
    encodingMs: partMs('after the last statement: encoding, compressing and sending'),
  }),
  statements: Type.Integer(),
  pool: OrNull(Type.String({ description: 'the pool of its last statement' })),
  holder: OrNull(
    Type.Object(
      {
        route: OrNull(Type.String()),
        statement: OrNull(Type.String({ description: 'without literals' })),
        pid: Type.Integer(),
        heldMs: Type.Number(),
      },
      { description: 'who had held a connection of that pool for longest while it waited; null if it hardly waited' },
    ),
  ),
});
export type RequestRecord = Static<typeof RequestRecord>;

/** The newest first. */
export const RequestsAnswer = Type.Object({ requests: Type.Array(RequestRecord) });
export type RequestsAnswer = Static<typeof RequestsAnswer>;

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

export const LIVE_WHY_LIMIT = 20;

export const LiveWhyRequest = Type.Object({
  token: OperatorToken,
  sub: SubscriptionName,
  table: Table,
  schema: Type.Optional(Schema),
  key: Type.String({
    minLength: 1,
    maxLength: 1_024,
    description: 'values of the primary key in its order, separated by commas, as in in.(…)',
  }),
  limit: Type.Integer({ minimum: 1, maximum: LIVE_WHY_LIMIT }),
});
export type LiveWhyRequest = Static<typeof LiveWhyRequest>;

/** The row after the change, or the known values before it. */
const Image = Type.Enum(['new', 'old']);
const Passed = Type.Union([Type.Boolean(), Type.Null()], { description: 'null: unknown, which counts as false' });

export const LiveFilterPart = Type.Object({
  expression: Type.String(),
  passed: Passed,
  value: Type.Optional(Type.String({ description: 'JSON; only if the caller may see it' })),
  depth: Type.Integer({
    description: '1: a member of the condition itself; 2: a member of the preceding group, and so on',
  }),
});
export type LiveFilterPart = Static<typeof LiveFilterPart>;

const detail = Type.String({ description: 'an explanation for people' });

export const LiveStep = Type.Union([
  /** Whether the change follows the snapshot of the subscription. */
  Type.Object({ step: Type.Literal('beginning'), passed: Type.Boolean(), detail }),
  /** Whether the subscription has reached the change. */
  Type.Object({ step: Type.Literal('progress'), passed: Type.Boolean(), detail }),
  /** The columns that the change carries, if they do not suffice to decide. */
  Type.Object({ step: Type.Literal('image'), passed: Type.Boolean(), detail }),
  Type.Object({
    step: Type.Literal('filter'),
    row: Image,
    expression: Type.String(),
    passed: Passed,
    value: Type.Optional(Type.String({ description: 'JSON; only if the caller may see it' })),
    parts: Type.Optional(
      Type.Array(LiveFilterPart, { description: 'the members of a group that decided its value, in reading order' }),
    ),
  }),
  Type.Object({
    step: Type.Literal('policy'),
    row: Image,
    name: Type.String(),
    kind: Type.Enum(['permissive', 'restrictive']),
    expression: Type.String(),
    passed: Passed,
    readsMore: Type.Boolean({
      description:
        'other inputs than the row: claims, functions, other tables; evaluated now, not when the change was delivered',
    }),
    detail: Type.Optional(detail),
  }),
  /** The result of all policies together, as the delivery evaluates them. */
  Type.Object({ step: Type.Literal('policies'), row: Image, passed: Type.Boolean(), detail: Type.Optional(detail) }),
  Type.Object({ step: Type.Literal('window'), passed: Type.Boolean(), expression: Type.String(), detail }),
  Type.Object({ step: Type.Literal('mode'), passed: Type.Boolean(), detail }),
]);
export type LiveStep = Static<typeof LiveStep>;

/** For a window (order and limit): the place of the row now, rather than the effect of this change. */
export const LIVE_OUTCOMES = [
  'sent as insert',
  'sent as update',
  'sent as delete',
  'sent as enter',
  'sent as leave',
  'kept back',
  'not yet',
  'resync',
  'in the window now',
  'not in the window now',
] as const;

/** The step that decided, unless the change was simply sent. */
export const LIVE_BECAUSE = [
  'before the subscription began',
  'the subscription catches up',
  'the policies are being asked',
  'it waits for other changes',
  'filter',
  'policy',
  'what the change carries',
  'a newer change of the row',
  'window',
] as const;

export const LiveExplained = Type.Object({
  position: Type.String(),
  type: Type.Enum(['insert', 'update', 'delete', 'truncate']),
  committedAt: Type.Integer({ description: 'milliseconds since 1970' }),
  outcome: Type.Enum([...LIVE_OUTCOMES]),
  because: OrNull(Type.Enum([...LIVE_BECAUSE])),
  steps: Type.Array(LiveStep),
});
export type LiveExplained = Static<typeof LiveExplained>;

export const LiveWhy = Type.Object({
  sub: SubscriptionName,
  schema: Type.String(),
  query: Type.String(),
  mode: Type.Enum(['every', 'latest']),
  role: Type.String(),
  user: OrNull(Type.String()),
  rowSecurity: Type.Boolean({ description: 'whether policies decide for this role' }),
  rightsChanged: Type.Boolean({
    description: 'table, policies or rights have changed, and a resync is about to end the subscription',
  }),
  withheld: OrNull(Type.String({ description: 'why values are not shown to the caller; null if all are shown' })),
  through: OrNull(Type.String({ description: 'the instance has seen every change up to this tidemark' })),
  since: OrNull(Type.Integer({ description: 'arrival of the oldest change of the table in memory, ms since 1970' })),
  /** Newest first. */
  changes: Type.Array(LiveExplained),
});
export type LiveWhy = Static<typeof LiveWhy>;
