import { canonicalJson, sliceObject } from '@tidemark/contracts';

/** Claims that differ between two tokens of the same bearer (RFC 7519 §4.1). */
const TOKEN_CLAIMS = ['exp', 'iat', 'nbf', 'jti'];

/** Returns one text for all tokens of the same bearer with the same claims, whose numbers keep their digits. */
export function lastingClaims(claimsText: string): string {
  const claims = sliceObject(claimsText);
  for (const name of TOKEN_CLAIMS) claims.delete(name);
  return canonicalJson(claims);
}
