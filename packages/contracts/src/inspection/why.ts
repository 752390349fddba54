/** Explains the way of a row's changes to a subscription. */
import { type Static, Type } from 'typebox';
import { OperatorToken, OrNull, Schema, Table } from './operator.ts';
import { SubscriptionName } from './subscriptions.ts';

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
