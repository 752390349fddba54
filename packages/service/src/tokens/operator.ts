/** Whether a request comes from an operator, for routes that strangers may ask as well. */
import { type TokenHeaders, tokenOf, type VerifiedToken, type VerifyToken } from './verifier.ts';

const OPERATORS = new Set(['ops', 'service_role']);

/** Whether a verified token is an operator's. */
export const isOperator = ({ role }: VerifiedToken): boolean => OPERATORS.has(role);

/** A request without a token, or with one that does not hold, comes from a stranger: it is never refused here. */
export function operatorCheck(verify: VerifyToken): (request: { headers: TokenHeaders }) => Promise<boolean> {
  return async ({ headers }) => {
    try {
      const token = tokenOf(headers);
      return token !== undefined && isOperator(await verify(token));
    } catch {
      return false; // whatever is wrong with the token: the answer for strangers says so little that it needs none
    }
  };
}
