import { fileURLToPath } from 'node:url';
import { type JWTPayload, SignJWT } from 'jose';
import { type Env, type ProcessOptions, type ServerProcess, startServer } from './server.ts';

export const SERVICE_NAMES = ['gateway', 'realtime', 'batch', 'metrics'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export const SECRET = 'a secret of thirty-two characters';

/** Reads go to the primary without a replica. */
export interface Servers {
  readonly primaryUrl: string;
  readonly replicaUrl?: string | undefined;
  readonly natsUrl: string;
}

export function startService(
  service: ServiceName,
  servers: Servers,
  { env, ...options }: ProcessOptions = {},
  name: string = service,
): Promise<ServerProcess> {
  const settings: Env = {
    PORT: '0',
    LOG_LEVEL: process.env.LAB_LOG ?? 'fatal',
    DATABASE_URL: servers.primaryUrl,
    DATABASE_REPLICA_URLS: servers.replicaUrl ?? '',
    NATS_URL: servers.natsUrl,
    JWT_SECRET: SECRET,
    ...env,
  };
  return startServer(name, fileURLToPath(import.meta.resolve(`@tidemark/${service}/main`)), {
    ...options,
    env: settings,
  });
}

/** The token does not expire; claims may replace the role `authenticated`. */
export const signToken = (claims: JWTPayload): Promise<string> =>
  new SignJWT({ role: 'authenticated', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
