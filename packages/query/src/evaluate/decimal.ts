/** A safe integer is a number, a larger one a bigint: each value has one form, so that `===` is equality. */
export type Integer = number | bigint;

/** Postgres 16 and later also read hexadecimal and underscores; this package leaves those to Postgres. */
const INTEGER = /^[+-]?[0-9]{1,30}$/;

export function parseInteger(text: string): Integer | null {
  const trimmed = trimBlanks(text);
  if (!INTEGER.test(trimmed)) return null;
  const number = Number(trimmed);
  // `+ 0` turns -0 into 0.
  return Number.isSafeInteger(number) ? number + 0 : BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed);
}

/**
 * sign × 0.digits × 10^exponent, without leading or trailing zeros in `digits`. The infinities have the exponent Infinity. NaN has
 * the sign 2, because Postgres sorts it last and treats it as equal to itself.
 */
export interface Decimal {
  readonly sign: -1 | 0 | 1 | 2;
  readonly exponent: number;
  readonly digits: string;
}

const DECIMAL = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:e([+-]?[0-9]{1,6}))?$/i;
const ZERO: Decimal = { sign: 0, exponent: 0, digits: '' };
const NAN: Decimal = { sign: 2, exponent: 0, digits: '' };

/** Digits plus exponent up to which Postgres 14 and later read a numeric without rounding or an error. */
const MAX_EXPONENT = 10_000;

export function parseDecimal(text: string): Decimal | null {
  const trimmed = trimBlanks(text);
  const match = DECIMAL.exec(trimmed);
  if (!match) return parseSpecial(trimmed);
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  const power = Number(match[4] ?? 0);
  if (whole.length + fraction.length === 0) return null;
  if (whole.length + fraction.length + Math.abs(power) > MAX_EXPONENT) return null;
  const all = whole + fraction;
  let start = 0;
  while (all[start] === '0') start++;
  let end = all.length;
  while (end > start && all[end - 1] === '0') end--;
  if (start === end) return ZERO;
  return {
    sign: match[1] === '-' ? -1 : 1,
    exponent: whole.length - start + power,
    digits: all.slice(start, end),
  };
}

function parseSpecial(text: string): Decimal | null {
  if (/^nan$/i.test(text)) return NAN;
  const match = /^([+-]?)inf(?:inity)?$/i.exec(text);
  return match ? { sign: match[1] === '-' ? -1 : 1, exponent: Number.POSITIVE_INFINITY, digits: '' } : null;
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  if (a.exponent !== b.exponent) return (a.exponent < b.exponent ? -1 : 1) * (a.sign < 0 ? -1 : 1);
  if (a.digits === b.digits) return 0;
  return (a.digits < b.digits ? -1 : 1) * (a.sign < 0 ? -1 : 1);
}

const FLOAT = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,6})?$/i;

export function parseFloat8(text: string): number | null {
  const trimmed = trimBlanks(text);
  if (FLOAT.test(trimmed)) {
    const number = Number(trimmed);
    const vanished = number === 0 && /[1-9]/.test(trimmed.replace(/e.*/i, ''));
    return Number.isFinite(number) && !vanished ? number : null;
  }
  const special = parseSpecial(trimmed);
  if (!special) return null;
  return special.sign === 2 ? Number.NaN : special.sign * Number.POSITIVE_INFINITY;
}

/**
 * Returns the nearest float4. Also returns null if rounding the text to a double and then to a float may differ from Postgres, which
 * rounds once: for a double exactly between two floats, and for subnormal floats.
 */
export function parseFloat4(text: string): number | null {
  const double = parseFloat8(text);
  if (double === null || !Number.isFinite(double) || double === 0) return double;
  const single = Math.fround(double);
  if (!Number.isFinite(single) || Math.abs(double) < 2 ** -126) return null;
  const halfway = single !== double && Math.fround(double + (double - single)) === double + (double - single);
  return halfway ? null : single;
}

/** Removes the white space that Postgres's input functions skip. */
export function trimBlanks(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+/, '').replace(/(?<![ \t\n\v\f\r])[ \t\n\v\f\r]+$/, '');
}
