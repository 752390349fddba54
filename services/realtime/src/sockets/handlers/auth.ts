/** Subscriptions continue if the role and the claims are the same; otherwise other rows may be visible. */
import type { ClientFrame } from '@tidemark/contracts';
import type { Connection } from '../connection.ts';

export async function handleAuth(connection: Connection, frame: ClientFrame & { op: 'auth' }): Promise<void> {
  const verified = await connection.verify(frame.token);
  const identity = { role: verified.role, claims: verified.claimsText };
  connection.expires = verified.expires;
  const isSame =
    identity.role === connection.identity.role && lasting(identity.claims) === lasting(connection.identity.claims);
  if (!isSame) {
    connection.identity = identity;
    connection.context.channels.leaveAll(connection, 'the identity has changed');
    for (const subscription of [...connection.subscriptions.values()]) subscription.resync('the identity has changed');
  }
  connection.sendReady();
}

/** Returns the claims without those that differ between tokens of the same bearer (RFC 7519 §4.1). */
function lasting(claims: string): string {
  const { exp: _exp, iat: _iat, nbf: _nbf, jti: _jti, ...rest } = JSON.parse(claims) as Record<string, unknown>;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
}
