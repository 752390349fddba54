/** The parts that all requests of the metrics service to an instance share. */
import { type TSchema, Type } from 'typebox';

export const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Schema = Type.String({ minLength: 1, maxLength: 63 });
export const Table = Type.String({ minLength: 1, maxLength: 63 });

/** Permission to publish on NATS does not make an operator: the instance verifies the token itself. */
export const OperatorToken = Type.Optional(
  // Characters; longer tokens are never verified.
  Type.String({ maxLength: 16_384, description: 'the JWT of the operator who sent the request' }),
);

export const INSPECTION_LIST_LIMIT = 200;
