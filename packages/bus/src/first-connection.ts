/** The first connection of a process. Retries while no server answers; fails at once where waiting cannot help. */
import { type Authenticator, connect, type NatsConnection, type NodeConnectionOptions } from 'nats';
import { isRefusal } from './connection-problems.ts';
import { errors } from './errors.ts';

export interface FirstConnectionOptions {
  /** `host:port` each. */
  addresses: readonly string[];
  name: string;
  authenticator: Authenticator | undefined;
  tls: NodeConnectionOptions['tls'];
  inboxPrefix: string | undefined;
  timeoutMs: number;
  reconnectDelayMs: () => number;
}

/** A dead server is detected within 3 × 5 s; NATS's default is two pings of two minutes. */
const PING_INTERVAL_MS = 5_000;
const MAX_PINGS_OUT = 3;
const ATTEMPT_TIMEOUT_MS = 5_000;
const PAUSE_MS = 200;

export async function firstConnection(options: FirstConnectionOptions): Promise<NatsConnection> {
  const { addresses, authenticator, inboxPrefix, tls, timeoutMs } = options;
  const servers = addresses.join(',');
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await connect({
        servers: [...addresses],
        name: options.name,
        ...(authenticator && { authenticator }),
        ...(tls && { tls }),
        ...(inboxPrefix && { inboxPrefix }),
        maxReconnectAttempts: -1,
        reconnectDelayHandler: options.reconnectDelayMs,
        // Otherwise two refusals in a row would close the connection permanently, though the server's users can be corrected.
        ignoreAuthErrorAbort: true,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: MAX_PINGS_OUT,
        timeout: Math.min(ATTEMPT_TIMEOUT_MS, Math.max(100, deadline - Date.now())),
      });
    } catch (cause) {
      const reason = (cause as Error).message;
      if (isRefusal(cause)) throw errors.UNAUTHORIZED({ servers, reason }, { cause });
      if (isTlsFailure(cause)) throw errors.TLS_FAILED({ servers, reason }, { cause });
      if (Date.now() >= deadline) {
        throw errors.UNREACHABLE({ url: servers, seconds: Math.round(timeoutMs / 1_000), reason }, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Recognises OpenSSL's names of invalid certificates, TLS errors of Node and OpenSSL, and a server without TLS. */
function isTlsFailure(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: unknown; message?: string };
  return (
    /^ERR_(TLS|SSL)_|CERT|^UNABLE_TO_|^HOSTNAME_MISMATCH$|^INVALID_CA$/.test(String(code)) ||
    message === "server does not support 'tls'"
  );
}
