/** A JavaScript number has 15 digits that are certainly exact. */
const EXACT_DIGITS = 15;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** Parses JSON of Postgres. A number that a JavaScript number would change (bigint, numeric) becomes a text with its digits. */
export function parseExactly(json: string): unknown {
  return JSON.parse(json.replace(TOKEN, (token) => (token[0] === '"' || isExact(token) ? token : `"${token}"`)));
}

function isExact(number: string): boolean {
  const digits = number
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  return digits.length <= EXACT_DIGITS && Number.isFinite(Number(number));
}
