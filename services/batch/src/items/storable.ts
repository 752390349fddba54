/** One value that Postgres refuses as jsonb would fail the transaction of a whole chunk. */

export const MAX_VALUE_BYTES = 64 * 1024;
/** The limit of Postgres's parser depends on its stack. */
const MAX_DEPTH = 100;

/** Returns what is wrong with a JSON text, or undefined. */
export function checkJson(json: string, maxBytes = MAX_VALUE_BYTES): string | undefined {
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) return `it has ${bytes} bytes as JSON, ${maxBytes} are allowed`;
  try {
    return problemOf(JSON.parse(json), 0);
  } catch (error) {
    return (error as Error).message;
  }
}

const NULL = { json: 'null' };

export function toStorable(value: unknown, maxBytes = MAX_VALUE_BYTES): { json: string } | { problem: string } {
  if (value === null || value === undefined) return NULL;
  try {
    const json = JSON.stringify(value, refuseLossy) ?? 'null';
    const problem = checkJson(json, maxBytes);
    return problem ? { problem } : { json };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** JSON.stringify would turn these values into null or omit them. */
function refuseLossy(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`"${key}" is ${value}`);
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`"${key}" is a ${typeof value}`);
  return value;
}

function problemOf(value: unknown, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return `it has more than ${MAX_DEPTH} levels`;
  if (typeof value === 'string') return problemOfText(value);
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, part] of Object.entries(value)) {
    const problem = problemOfText(key) ?? problemOf(part, depth + 1);
    if (problem) return problem;
  }
  return undefined;
}

function problemOfText(text: string): string | undefined {
  if (text.includes('\0')) return 'a text has the character U+0000';
  // With the flag u, only an unpaired surrogate matches.
  return /\p{Surrogate}/u.test(text) ? 'a text has half a surrogate pair' : undefined;
}
