/** One request for each item. In Postgres each has one result; the service outside may get a request more than once, with the same key. */
import { type Static, Type } from 'typebox';
import { errors } from '../errors.ts';
import { HttpFailure } from '../http/http-failure.ts';
import { createPace } from '../http/pace.ts';
import { responseFailure } from '../http/response-failure.ts';
import type { HttpRequest, HttpResponse, SafeHttp } from '../http/safe-http.ts';
import { fillJson, fillText, fillUrl, type Variables } from '../http/template.ts';
import { within } from '../http/within.ts';
import { defineKind, type ItemResult } from './job-kind.ts';

const HttpCallSpec = Type.Object(
  {
    request: Type.Object(
      {
        method: Type.Optional(Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { default: 'GET' })),
        url: Type.String({
          pattern: '^https?://[^/{}?#@]+([/?].*)?$',
          maxLength: 8_192,
          description: 'with {{variables}} of the item behind the host',
        }),
        headers: Type.Optional(
          Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), Type.String({ maxLength: 8_192 }), {
            maxProperties: 50,
            description: 'with {{variables}}, and {{secret:NAME}} of BATCH_HTTP_SECRETS',
          }),
        ),
        body: Type.Optional(Type.Unknown({ description: 'JSON; a string of one {{variable}} becomes its value' })),
      },
      { additionalProperties: false },
    ),
    items: Type.Array(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
      { minItems: 1, maxItems: 10_000, description: 'the variables of each call' },
    ),
    timeoutMs: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 60_000, default: 10_000, description: 'ms for one call' }),
    ),
    perSecond: Type.Optional(
      Type.Number({ minimum: 0.1, maximum: 1_000, default: 50, description: 'calls to the host, of each instance' }),
    ),
  },
  { additionalProperties: false },
);
type HttpCallSpec = Static<typeof HttpCallSpec>;

/** These are ours, or decide how a message is framed. */
const OWN_HEADERS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'idempotency-key',
]);
/** The rest of an item's value has room beside it. */
const MAX_VALUE_CHARACTERS = 16_384;
const pace = createPace();

export default defineKind({
  name: 'http.call',
  version: 1,
  spec: HttpCallSpec,
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 65_000 },
  runsOn: 'main',
  usesHttp: true,
  target: (_input: Variables, { spec }) => hostOf(spec),
  async source({ spec, http }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items.length, from + limit);
    if (from === 0) checkCall(http, spec);
    return { inputs: spec.items.slice(from, end), cursor: end < spec.items.length ? String(end) : null };
  },
  cost: () => 0,
  async run(item, context): Promise<ItemResult> {
    const { spec, job, http, signal } = context;
    const { timeoutMs = 10_000, perSecond = 50 } = spec;
    try {
      const seconds = await pace.wait(hostOf(spec), perSecond, signal);
      if (seconds !== undefined) {
        const failure = { code: 'HTTP_PACE', message: `more than ${perSecond} calls a second wait`, throttled: true };
        return { failure, retryAfter: seconds };
      }
      return await within(timeoutMs, signal, async (stop) => {
        const request = requestOf(spec, item.input, `${job}/${item.index}`, stop);
        return resultOf(hostOf(spec), await http!.request(request));
      });
    } catch (error) {
      if (error instanceof HttpFailure) return { failure: error.failure };
      throw error;
    }
  },
});

/** A host or secret that is refused fails the job before any call. */
function checkCall(http: SafeHttp, spec: HttpCallSpec): void {
  try {
    http.check(spec.request.url.replace(/\{\{\w+\}\}/g, ''), headersOf(spec));
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error;
    const { code, message, hint = null } = error.failure;
    throw errors.HTTP_REFUSED({ code, reason: message, hint });
  }
}

const hostOf = ({ request }: HttpCallSpec) => new URL(request.url.replace(/\{\{\w+\}\}/g, '')).host;

function headersOf({ request }: HttpCallSpec): Record<string, string> {
  const given = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(given.filter(([name]) => !OWN_HEADERS.has(name)));
}

function requestOf(spec: HttpCallSpec, variables: Variables, key: string, signal: AbortSignal): HttpRequest {
  const { method = 'GET', url, body } = spec.request;
  const hasBody = body !== undefined && method !== 'GET';
  const filled = Object.entries(headersOf(spec)).map(([name, value]) => [name, fillText(value, variables)]);
  return {
    method,
    url: fillUrl(url, variables),
    headers: {
      'user-agent': 'tidemark-batch',
      ...(hasBody && { 'content-type': 'application/json' }),
      ...Object.fromEntries(filled),
      'idempotency-key': key,
    },
    body: hasBody ? JSON.stringify(fillJson(body, variables)) : null,
    signal,
  };
}

function resultOf(host: string, { status, headers, body }: HttpResponse): ItemResult {
  if (status >= 200 && status < 300) return successOf(status, headers, body);
  return responseFailure({ code: 'HTTP', host }, { status, headers, body });
}

function successOf(status: number, headers: HttpResponse['headers'], body: Buffer): ItemResult {
  const type = (headers['content-type'] ?? 'application/octet-stream').split(';')[0]!.trim().toLowerCase();
  const isJson = type === 'application/json' || type.endsWith('+json');
  const text = body.toString();
  const isText = Buffer.from(text).equals(body) && !text.includes('\0');
  if (isText && text.length <= MAX_VALUE_CHARACTERS) {
    // Its text stays as it is, because numbers of JavaScript have fewer digits.
    if (isJson && isJsonText(text))
      return { json: `{"status": ${status}, "type": ${JSON.stringify(type)}, "body": ${text}}` };
    return { value: { status, type, body: text } };
  }
  const extension = isJson ? 'json' : type.startsWith('text/') ? 'txt' : 'bin';
  const contentType = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(type) ? type : 'application/octet-stream';
  return { value: { status, type, bytes: body.length }, files: [{ bytes: body, contentType, extension }] };
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
