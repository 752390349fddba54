/** RFC 5803. A password sent as its verifier is in no log, pg_stat_activity or pg_stat_statements. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** The passwords are 192 random bits: iterations add no safety, only time to each connection (postgres-config.ts). */
const ITERATIONS = 1;
const SALT_BYTES = 16;

export function scramVerifier(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const key = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${key('Server Key').toString('base64')}`;
}
