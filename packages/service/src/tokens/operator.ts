/** Whether a request comes from an operator, for routes that strangers may ask as well. */
import { type TokenHeaders, tokenOf, type VerifyToken } from './verifier.ts';

const OPERATORS = new Set(['ops', 'service_role']);

/** A request without a token, or with one that does not hold, comes from a stranger: it is never refused here. */
export function operatorCheck(verify: VerifyToken): (request: { headers: TokenHeaders }) => Promise<boolean> {
  return async ({ headers }) => {
    try {
      const token = tokenOf(headers);
      return token !== undefined && OPERATORS.has((await verify(token)).role);
    } catch {
      return false; // whatever is wrong with the token: the answer for strangers says so little that it needs none
    }
  };
}
