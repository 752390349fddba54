/** The connections and statements of an instance. */
import { type Static, Type } from 'typebox';
import { INSPECTION_LIST_LIMIT, OperatorToken, OrNull } from './operator.ts';

export const HeldRequest = Type.Object({
  token: OperatorToken,
  limit: Type.Integer({ minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});
export type HeldRequest = Static<typeof HeldRequest>;

/** A connection that is in use, and who uses it. */
export const HeldConnection = Type.Object({
  pool: Type.String(),
  pid: Type.Integer({ description: 'process id of the backend in Postgres' }),
  heldMs: Type.Number(),
  leaked: Type.Boolean({ description: 'held for longer than the threshold of its pool' }),
  pipeline: Type.Boolean({ description: 'a pipeline holds it for many short reads' }),
  route: OrNull(Type.String({ description: 'the route template or job' })),
  trace: OrNull(Type.String({ description: 'trace id' })),
  statement: OrNull(Type.String({ description: 'the newest statement, without literals' })),
  stack: OrNull(Type.String({ description: 'place in the code that leased it; null if its pool takes no traces' })),
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
  id: Type.String({ pattern: '^[0-9a-f]{12}$', description: 'id of the StatementFigures' }),
});
export type StatementTextRequest = Static<typeof StatementTextRequest>;

/** The whole text, as it was sent to Postgres: the metrics service explains it, and shows it to nobody. */
export const StatementTextAnswer = Type.Object({ text: OrNull(Type.String()) });
export type StatementTextAnswer = Static<typeof StatementTextAnswer>;
