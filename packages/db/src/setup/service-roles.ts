/** The logins of the services that read and write tables of others. They need USAGE on a schema; rights on rows are those of the caller. */
export const SERVICE_ROLES: readonly string[] = ['tidemark_gateway', 'tidemark_realtime', 'tidemark_batch'];
