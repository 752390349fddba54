/** `raise sqlstate 'PGRST'`: a function decides about the status, the headers and the body of its error, as in PostgREST. */
import { type ErrorHeaders, TidemarkError } from '@tidemark/contracts';
import type { PostgresError } from '@tidemark/db';
import { OWN_HEADERS } from '@tidemark/plan';
import { postgrest } from '../errors.ts';

export function raisedError(error: PostgresError): TidemarkError {
  const message = objectOf(error.message);
  if (message === undefined || !isText(message.code) || !isText(message.message)) {
    const reason = `Invalid JSON value for MESSAGE: '${error.message}'`;
    return postgrest.PGRST121({ reason, hint: MESSAGE_HINT }, { cause: error });
  }
  if (error.details === null) {
    return postgrest.PGRST121(
      { reason: 'DETAIL is missing in the RAISE statement', hint: DETAIL_HINT },
      { cause: error },
    );
  }
  const detail = objectOf(error.details);
  const headers = detail && headersOf(detail.headers);
  const status = detail?.status;
  if (headers === undefined || !isStatus(status)) {
    const reason = `Invalid JSON value for DETAIL: '${error.details}'`;
    return postgrest.PGRST121({ reason, hint: DETAIL_HINT }, { cause: error });
  }
  return new TidemarkError(
    {
      code: message.code,
      status,
      message: message.message,
      details: isText(message.details) ? message.details : null,
      hint: isText(message.hint) ? message.hint : null,
      headers,
      ...(isText(detail?.status_text) && /^[\t\x20-\x7e]+$/.test(detail.status_text)
        ? { statusText: detail.status_text }
        : {}),
    },
    { cause: error },
  );
}

const MESSAGE_HINT =
  "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
const DETAIL_HINT =
  "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";

const isText = (value: unknown): value is string => typeof value === 'string';
/** A status below 200 is not the end of an exchange. */
const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 200 && Number(value) < 600;

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // The caller reports the text.
  }
}

/** A header's value has no control characters but the tab. */
const isPrintable = (text: string): boolean => !/\p{Cc}/u.test(text.replaceAll('\t', ' '));

/** Undefined where the headers are none, or would frame the answer. */
function headersOf(given: unknown): ErrorHeaders | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const isName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name) && !OWN_HEADERS.includes(name.toLowerCase());
    if (!isName || !isText(value) || !isPrintable(value)) return undefined;
    headers[name.toLowerCase()] = Buffer.from(value).toString('latin1');
  }
  return headers;
}
