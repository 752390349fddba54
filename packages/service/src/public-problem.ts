/** An error as a client may see it: texts that name hosts, ports and users of the installation are for its log alone. */
import { TidemarkError } from '@tidemark/contracts';

/** Errors whose message names where something is; the rest of them (code, status, hint) says what a client can do. */
const MESSAGES: Readonly<Record<string, string>> = {
  DB_CONNECT_FAILED: 'the database cannot be reached',
  DB_CONNECTION_LOST: 'the connection to the database was lost',
  DB_NOT_MIGRATED: 'the database is not ready',
  DB_ROLE_MISSING: 'the database is not ready',
  BUS_UNREACHABLE: 'the message broker cannot be reached',
  BUS_NO_JETSTREAM: 'the message broker is not ready',
  BUS_DISCONNECTED: 'the connection to the message broker was lost',
};
const HINT = 'Try again after Retry-After. The log of the service has the reason.';
/** Its details say why no connection could be made, beside a message that names nothing. */
const REASON_IN_DETAILS = 'DB_ACQUIRE_TIMEOUT';
const BUSY = 'all of them are busy';

export function publicError(error: TidemarkError): TidemarkError {
  const { code, status, retryAfter } = error;
  const isBusy = error.details === BUSY;
  const message = code === REASON_IN_DETAILS && !isBusy ? error.message : MESSAGES[code];
  if (message === undefined) return error;
  return new TidemarkError(
    { code, status, message, hint: HINT, ...(retryAfter === undefined ? {} : { retryAfter }) },
    { cause: error },
  );
}
