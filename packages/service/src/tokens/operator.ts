/** Whether a request comes from an operator, for routes that strangers may ask as well. */
import { type TokenHeaders, tokenOf, type VerifiedToken } from './verifier.ts';

const OPERATORS = new Set(['ops', 'service_role']);

/** Whether a verified token is an operator's. */
export const isOperator = ({ role }: VerifiedToken): boolean => OPERATORS.has(role);

/** A request without a token, or with one that does not hold, comes from a stranger: it is never refused here. */
export function operatorCheck<R extends { headers: TokenHeaders }>(
  verify: (token: string, request: R) => Promise<VerifiedToken>,
): (request: R) => Promise<boolean> {
  return async (request) => {
    try {
      const token = tokenOf(request.headers);
      return token !== undefined && isOperator(await verify(token, request));
    } catch {
      return false; // whatever is wrong with the token: the answer for strangers says so little that it needs none
    }
  };
}
