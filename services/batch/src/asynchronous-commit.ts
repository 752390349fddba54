/**
 * In a SELECT or RETURNING list: the commit of the statement does not wait for the disk. Only for what is made again when a crash of
 * Postgres undoes it, such as a claim: the results of one that was undone are refused.
 */
export const ASYNCHRONOUS_COMMIT = `set_config('synchronous_commit', 'off', true) as commit`;
