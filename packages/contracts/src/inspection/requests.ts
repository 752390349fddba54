/** The requests that an instance keeps: those that were slow, failed or were refused. */
import { type Static, Type } from 'typebox';
import { INSPECTION_LIST_LIMIT, OperatorToken, OrNull, Table } from './operator.ts';

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
      { description: 'the holder of a connection of that pool for longest while it waited; null if it hardly waited' },
    ),
  ),
});
export type RequestRecord = Static<typeof RequestRecord>;

/** The newest first. */
export const RequestsAnswer = Type.Object({ requests: Type.Array(RequestRecord) });
export type RequestsAnswer = Static<typeof RequestsAnswer>;
