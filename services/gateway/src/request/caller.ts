import type { Identity } from '@tidemark/db';
import type { VerifiedToken } from '@tidemark/service';

/** Every statement of a request gets these. */
export interface StatementSettings {
  readonly extraSearchPath: readonly string[];
  readonly appSettings: Readonly<Record<string, string>>;
  /** SQL that runs first in each transaction; null: none. */
  readonly preRequest: string | null;
}

export interface Caller extends Identity {
  readonly authenticated: boolean;
  readonly token: string | undefined;
  readonly verified: VerifiedToken | undefined;
  /** The identities of its reads of tables, by schema. */
  readonly reading: Map<string, Identity>;
  readonly statements: StatementSettings;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}
