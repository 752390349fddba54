/** A `fetch` that comes again where the stack asks for it: 429 and 503 with Retry-After, and 504. It counts how often. */

const ATTEMPTS = 30;
const REFUSED = [429, 503, 504];
const DEFAULT_MS = 500;
const LONGEST_MS = 10_000;

export const isRefused = (status: number, attempt: number): boolean => REFUSED.includes(status) && attempt < ATTEMPTS;

/** @param retryAfter the header of the answer, in seconds */
export async function pauseBefore(retryAfter: string | null | undefined): Promise<void> {
  const seconds = Number(retryAfter);
  const wait = seconds > 0 ? Math.min(seconds * 1_000, LONGEST_MS) : DEFAULT_MS;
  await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
}

export interface PatientFetch {
  readonly fetch: typeof fetch;
  /** How many answers asked to come again. */
  refused(): number;
}

export function patientFetch(): PatientFetch {
  let refused = 0;
  const send: typeof fetch = async (input, init) => {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(input, init);
      if (!isRefused(response.status, attempt) || init?.body instanceof ReadableStream) return response;
      refused += 1;
      await response.body?.cancel();
      await pauseBefore(response.headers.get('retry-after'));
    }
  };
  return { fetch: send, refused: () => refused };
}
