/** Errors about tokens with PostgREST's codes (its "Errors" page, group 3) and its WWW-Authenticate. */
import { defineErrors, row, TidemarkError } from '@tidemark/contracts';

interface Described {
  readonly message: string;
  readonly reason: string;
}

const invalidToken = ({ message }: Described) => ({
  'www-authenticate': `Bearer error="invalid_token", error_description="${message.replaceAll(/["\\\r\n]/g, "'")}"`,
});

export const tokenErrors = defineErrors('', {
  PGRST300: row({
    status: 500,
    message: 'Server lacks JWT secret',
    hint: 'Operators set JWT_SECRET, JWT_JWKS or JWT_JWKS_URL; requests without a token are answered.',
  }),
  PGRST301: row<Described>({
    status: 401,
    message: (p) => p.message,
    details: (p) => p.reason,
    hint: 'Send Authorization: Bearer <JWT>, signed with this server’s secret or by its issuer.',
    headers: invalidToken,
  }),
  PGRST302: row({
    status: 401,
    message: 'Anonymous access is disabled',
    hint: 'Send Authorization: Bearer <JWT>; operators may name a role for requests without one by DB_ANON_ROLE.',
  }),
  PGRST303: row<Described>({
    status: 401,
    message: (p) => p.message,
    details: (p) => p.reason,
    hint: 'Ask the issuer for a new token; check the clocks of the issuer and of this server.',
    headers: invalidToken,
  }),
});

/** Other errors, such as an unknown role or unavailable keys, keep their own codes. */
export function asPostgrestError(error: unknown, token: string): unknown {
  if (!(error instanceof TidemarkError)) return error;
  const { message: reason } = error;
  const claims = (message: string) => tokenErrors.PGRST303({ message, reason }, { cause: error });
  switch (error.code) {
    case 'AUTH_SECRET_MISSING':
      return tokenErrors.PGRST300(undefined, { cause: error });
    case 'AUTH_TOKEN_EXPIRED':
      return claims('JWT expired');
    case 'AUTH_TOKEN_NOT_YET':
      return claims('JWT not yet valid');
    case 'AUTH_TOKEN_CLAIM':
      return claims(reason.slice(reason.indexOf(': ') + 2));
    case 'AUTH_TOKEN_INVALID':
      return tokenErrors.PGRST301({ message: decodeProblem(error, token), reason }, { cause: error });
    default:
      return error;
  }
}

/** Codes of jose. */
const KEY_PROBLEMS = new Set(['ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'ERR_JWKS_NO_MATCHING_KEY']);

function decodeProblem({ cause, message }: TidemarkError, token: string): string {
  const parts = token === '' ? 0 : token.split('.').length;
  if (token === '' && message.includes('Empty JWT')) return 'Empty JWT is sent in Authorization header';
  if (token !== '' && parts !== 3) return `Expected 3 parts in JWT; got ${parts}`;
  if (message.includes('its algorithm')) return 'Wrong or unsupported encoding algorithm';
  if (KEY_PROBLEMS.has((cause as { code?: string } | undefined)?.code ?? ''))
    return 'No suitable key or wrong key type';
  return "JWT couldn't be decoded";
}
