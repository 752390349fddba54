/** A number is a string if JavaScript would round it: 9007199254740993 and 9007199254740992 would become one key. */

/** A double represents any 15 decimal digits exactly. */
const EXACT_DIGITS = 15;
/** A text without such a run of digits and points has only exact numbers. */
const LONG_NUMBER = /[\d.]{16}/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const isDigit = (code: number) => code >= 0x30 && code <= 0x39;
const isOfNumber = (code: number) =>
  isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === MINUS;

export const parseExactly = (text: string): unknown => JSON.parse(quoteRounded(text));

/** Puts numbers that would be rounded into quotes. */
export function quoteRounded(text: string): string {
  if (!LONG_NUMBER.test(text)) return text;
  let result = '';
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (isDigit(code) || code === MINUS) {
      const start = at;
      while (at < text.length && isOfNumber(text.charCodeAt(at))) at += 1;
      const number = text.slice(start, at);
      if (isExact(number)) continue;
      result += `${text.slice(copied, start)}"${number}"`;
      copied = at;
    } else at += 1;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function isExact(text: string): boolean {
  if (text.length <= EXACT_DIGITS) return true;
  const number = Number(text);
  return Number.isFinite(number) && normal(text) === normal(String(number));
}

/** Returns the digits without outer zeros and the power of ten: equal for equal numbers. */
function normal(text: string): string {
  const sign = text.startsWith('-') ? '-' : '';
  const [mantissa = '', exponent = '0'] = text.slice(sign.length).toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  let first = 0;
  while (first < digits.length && digits[first] === '0') first += 1;
  let end = digits.length;
  while (end > first && digits[end - 1] === '0') end -= 1;
  if (first === end) return '0';
  return `${sign}${digits.slice(first, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}
