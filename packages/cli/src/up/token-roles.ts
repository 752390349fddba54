/** The roles of the tokens that `up` issues, so that with JWT_ROLES and DB_ANON_ROLE of one's own they work as well. */
import { commaSeparated, DEFAULT_ROLES } from '@tidemark/service/process';

export interface TokenRoles {
  readonly anon: string;
  readonly user: string;
  /** The services accept these: those of JWT_ROLES, and those of the issued tokens. */
  readonly accepted: readonly string[];
}

export function tokenRoles(env: NodeJS.ProcessEnv): TokenRoles {
  const anon = env.DB_ANON_ROLE || 'anon';
  const listed = env.JWT_ROLES ? commaSeparated(env.JWT_ROLES) : [...DEFAULT_ROLES];
  const ofUsers = listed.filter((role) => ![anon, 'anon', 'service_role', 'ops', '*'].includes(role));
  const user = ofUsers.includes('authenticated') || ofUsers.length === 0 ? 'authenticated' : (ofUsers[0] as string);
  return { anon, user, accepted: [...new Set([...listed, anon, user, 'service_role', 'ops'])] };
}
