export interface Scale {
  min: number;
  max: number;
  ticks: number[];
}

/** Returns round numbers that enclose the values. Lines may begin above zero, bars may not. */
export function scaleOf(values: readonly number[], startsAtZero: boolean, wanted = 5): Scale {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (startsAtZero || low > high) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  // Floating point could not tell ticks so close to each other apart.
  if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (high - low < 1e-200) [low, high] = [0, 1];
  const step = roundStep(high / wanted - low / wanted);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
  return { min: ticks[0]!, max: ticks.at(-1)!, ticks };
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least * 0.999_999) ?? 10;
  return factor * power;
}

/** Returns the shortest text of the value, without the digits that floating point adds. */
export const tickText = (value: number): string => String(Number(value.toPrecision(10)));
