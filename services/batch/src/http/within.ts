/**
 * Runs a call with a signal that is aborted with the given one, or after some ms. This is not `AbortSignal.any` with
 * `AbortSignal.timeout`: Node 20 may collect the latter as garbage, and the call would never end
 * (https://github.com/nodejs/node/issues/57736).
 */
export async function within<T>(
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`${ms} ms are over`)), ms);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
