/**
 * A model server that speaks the Open Inference Protocol v2 over HTTP
 * (https://github.com/kserve/open-inference-protocol). Its URL comes from the environment alone, so it may be local.
 */
import { errors } from '../errors.ts';
import { HttpFailure } from '../http/http-failure.ts';
import { readBody } from '../http/read-body.ts';
import { responseFailure } from '../http/response-failure.ts';
import type { HttpResponse } from '../http/safe-http.ts';
import { lazyAgent } from '../http/undici.ts';
import { within } from '../http/within.ts';
import type { FailedItem } from '../kinds/item-result.ts';
import { type ModelMetadata, readMetadata } from './model-metadata.ts';

export interface ModelServerOptions {
  /** Empty: there is none. */
  url: string;
  timeoutMs: number;
}

export interface ModelServer {
  /** @throws BATCH_NO_MODEL_SERVER */
  check(): void;
  /** Asked once a minute. */
  metadata(model: string, signal: AbortSignal): Promise<ModelMetadata | FailedItem>;
  infer(model: string, body: Uint8Array, signal: AbortSignal): Promise<Buffer | FailedItem>;
  close(): Promise<void>;
}

const REMEDY = 'Check that the model server runs, and SEGMENT_MODEL_URL.';
const METADATA_MS = 60_000;
const MAX_MODELS = 100;
/** A mask of 16 megapixels as JSON numbers. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2;

export function createModelServer({ url, timeoutMs }: ModelServerOptions): ModelServer {
  const base = url.replace(/\/+$/, '');
  const lazy = lazyAgent({ connect: { timeout: 5_000 }, connections: 64, pipelining: 1 });
  const known = new Map<string, { metadata: ModelMetadata; until: number }>();

  async function send(path: string, body: Uint8Array | undefined, signal: AbortSignal): Promise<HttpResponse> {
    const { undici, agent } = await lazy.open();
    const response = await undici.request(`${base}/v2/models/${path}`, {
      dispatcher: agent,
      signal,
      ...(body ? { method: 'POST', body, headers: { 'content-type': 'application/json' } } : { method: 'GET' }),
    });
    const headers = Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')]);
    const bytes = await readBody(response.body, response.headers['content-encoding'], MAX_ANSWER_BYTES);
    return { status: response.statusCode, headers: Object.fromEntries(headers), body: bytes };
  }

  async function call(path: string, body: Uint8Array | undefined, signal: AbortSignal): Promise<HttpResponse> {
    if (base === '') throw errors.NO_MODEL_SERVER();
    try {
      return await within(timeoutMs, signal, (stop) =>
        send(path, body, stop).catch((error: unknown) => {
          if (!stop.aborted) throw error;
          throw new HttpFailure('MODEL_TIMEOUT', `the model server: no answer within ${timeoutMs} ms`, {
            retry: true,
            hint: REMEDY,
          });
        }),
      );
    } catch (error) {
      if (error instanceof HttpFailure) throw error;
      // The URL of the server is for the log only.
      const problem = (error as { code?: string }).code ?? 'no connection';
      throw new HttpFailure('MODEL_UNREACHABLE', `the model server: ${problem}`, { retry: true, hint: REMEDY });
    }
  }

  async function ask(path: string, body: Uint8Array | undefined, signal: AbortSignal): Promise<Buffer | FailedItem> {
    try {
      const response = await call(path, body, signal);
      if (response.status >= 200 && response.status < 300) return response.body;
      return responseFailure({ code: 'MODEL', host: 'the model server' }, response);
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      return { failure: error.failure };
    }
  }

  return {
    check() {
      if (base === '') throw errors.NO_MODEL_SERVER();
    },
    async metadata(model, signal) {
      const cached = known.get(model);
      if (cached && cached.until > performance.now()) return cached.metadata;
      const answer = await ask(model, undefined, signal);
      if ('failure' in answer) return answer;
      const metadata = readMetadata(answer);
      if ('failure' in metadata) return metadata;
      if (known.size >= MAX_MODELS) known.clear();
      known.set(model, { metadata, until: performance.now() + METADATA_MS });
      return metadata;
    },
    infer: (model, body, signal) => ask(`${model}/infer`, body, signal),
    close: () => lazy.destroy(),
  };
}
