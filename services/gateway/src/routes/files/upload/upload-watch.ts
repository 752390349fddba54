/**
 * The watch also covers the time between the parts of a form, where no file is read. The bytes are counted at the
 * socket, independent of parsers and pipes.
 */
import type { IncomingMessage } from 'node:http';
import { fileRequestErrors } from '../errors.ts';

export interface UploadWatch {
  readonly signal: AbortSignal;
  stop(): void;
}

export interface UploadPace {
  /** Maximum time without a byte in ms; the average counts only after it. */
  stallMs: number;
  /** Minimum average since the start in bytes a second; 0: none. */
  minBytesPerS: number;
}

/** Checks within one stall time: an upload is broken off at most a quarter of it late. */
const CHECKS = 4;

export function watchUpload(request: IncomingMessage, { stallMs, minBytesPerS }: UploadPace): UploadWatch {
  const controller = new AbortController();
  const { socket } = request;
  const intervalMs = Math.max(10, Math.min(1_000, stallMs / CHECKS));
  const startedAt = socket.bytesRead;
  let seen = startedAt;
  let idleMs = 0;
  let waitedMs = 0;
  let lookedAt = performance.now();
  const look = () => {
    const now = performance.now();
    const elapsed = now - lookedAt;
    lookedAt = now;
    const isMoving = socket.bytesRead > seen;
    seen = socket.bytesRead;
    // While bytes are unread, the store is slow, not the client. After the last byte, nothing waits for the client.
    if (request.complete || request.readableLength > 0) {
      idleMs = 0;
      return;
    }
    idleMs = isMoving ? 0 : idleMs + elapsed;
    waitedMs += elapsed;
    const bytes = seen - startedAt;
    if (idleMs >= stallMs) controller.abort(fileRequestErrors.STALLED({ ms: stallMs }));
    else if (waitedMs > stallMs && bytes < (minBytesPerS * waitedMs) / 1_000) {
      const seconds = Math.round(waitedMs / 1_000);
      controller.abort(fileRequestErrors.SLOW({ bytes, seconds, minimum: minBytesPerS }));
    }
  };
  const timer = setInterval(look, intervalMs);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}

export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
