/** A backend whose client is gone ends its statement after at most this time. */
const CONNECTION_CHECK_MS = 2_000;

export function sessionSettings(
  applicationName: string,
  statementTimeoutMs: number,
  idleInTransactionTimeoutMs = 0,
): Record<string, string> {
  return {
    application_name: applicationName,
    statement_timeout: String(statementTimeoutMs),
    idle_in_transaction_session_timeout: String(idleInTransactionTimeoutMs),
    client_connection_check_interval: String(CONNECTION_CHECK_MS),
  };
}
