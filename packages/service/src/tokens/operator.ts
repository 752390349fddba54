import { authErrors } from '../errors.ts';
import { type TokenHeaders, tokenOf, type VerifiedToken, type VerifyToken } from './verifier.ts';

const OPERATORS = new Set(['ops', 'service_role']);

export const isOperator = ({ role }: VerifiedToken): boolean => OPERATORS.has(role);

/** Returns false without a valid token; never throws. */
export function operatorCheck<R extends { headers: TokenHeaders }>(
  verify: (token: string, request: R) => Promise<VerifiedToken>,
): (request: R) => Promise<boolean> {
  return async (request) => {
    try {
      const token = tokenOf(request.headers);
      return token !== undefined && isOperator(await verify(token, request));
    } catch {
      return false; // The reason does not matter: the response for other callers contains no details.
    }
  };
}

/** The token is verified here again: a message on NATS does not prove who sent the request. */
export async function verifyOperator(verify: VerifyToken, token: string | undefined): Promise<VerifiedToken> {
  if (token === undefined) throw authErrors.REQUIRED();
  const operator = await verify(token);
  if (!isOperator(operator)) throw authErrors.FORBIDDEN({ role: operator.role, needed: 'ops or service_role' });
  return operator;
}
