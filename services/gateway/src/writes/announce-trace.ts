import { TRACE_PREFIX } from '@tidemark/contracts';

/**
 * Into the WAL, with the transaction's changes, for the relay to pass on; and for jobs that the transaction submits. Comes first: a
 * large transaction's changes may be streamed before its end.
 *
 * @param trace a `traceparent`
 */
export const announceTrace = (trace: string) => ({
  text: `select pg_logical_emit_message(true, $1, $2), set_config('tidemark.trace', $2, true)`,
  params: [TRACE_PREFIX, trace],
});
