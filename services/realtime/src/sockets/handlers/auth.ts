/** Subscriptions continue if the role and the claims are the same; otherwise other rows may be visible. */
import type { ClientFrame } from '@tidemark/contracts';
import { lastingClaims } from '@tidemark/service';
import type { Connection } from '../connection.ts';

export async function handleAuth(connection: Connection, frame: ClientFrame & { op: 'auth' }): Promise<void> {
  const verified = await connection.verify(frame.token);
  const identity = { role: verified.role, claims: verified.claimsText };
  connection.expires = verified.expires;
  const isSame =
    identity.role === connection.identity.role &&
    lastingClaims(identity.claims) === lastingClaims(connection.identity.claims);
  if (!isSame) {
    connection.identity = identity;
    connection.context.channels.leaveAll(connection, 'the identity has changed');
    for (const subscription of [...connection.subscriptions.values()]) subscription.resync('the identity has changed');
  }
  connection.sendReady();
}
