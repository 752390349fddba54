const grouped = (value: number, digits: number) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export type Unit = 'count' | 'perSecond' | 'ms' | 'bytes' | 'bytesPerSecond' | 'percent' | 'seconds';
export type Measure = readonly [value: string, unit: string];

const NONE: Measure = ['–', ''];

function count(value: number, whole = false): Measure {
  if (value >= 1e9) return [grouped(value / 1e9, 2), 'bn'];
  if (value >= 1e6) return [grouped(value / 1e6, 2), 'M'];
  if (value >= 1e5) return [grouped(value / 1e3, 0), 'k'];
  return [grouped(value, whole || value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2), ''];
}

function bytes(value: number): Measure {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let step = 0;
  let left = value;
  while (left >= 1000 && step < units.length - 1) {
    left /= 1024;
    step++;
  }
  return [grouped(left, step === 0 || left >= 100 ? 0 : 1), units[step] as string];
}

function duration(ms: number): Measure {
  if (ms >= 3_600_000) return [grouped(ms / 3_600_000, 1), 'h'];
  if (ms >= 120_000) return [grouped(ms / 60_000, 1), 'min'];
  if (ms >= 1_000) return [grouped(ms / 1_000, ms >= 10_000 ? 1 : 2), 's'];
  return [grouped(ms, ms === 0 || ms >= 100 ? 0 : ms >= 10 ? 1 : 2), 'ms'];
}

/** Returns the number and its unit separately. Percentages are 0..1. */
export function scale(value: number | null | undefined, unit: Unit): Measure {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case 'count':
      return count(value, true);
    case 'perSecond': {
      const [text, prefix] = count(value);
      return [text, `${prefix}/s`];
    }
    case 'ms':
      return duration(value);
    case 'seconds':
      return duration(value * 1_000);
    case 'bytes':
      return bytes(value);
    case 'bytesPerSecond': {
      const [text, prefix] = bytes(value);
      return [text, `${prefix}/s`];
    }
    case 'percent':
      return [grouped(value * 100, value > 0 && value < 0.095 ? 1 : 0), '%'];
  }
}

export const format = (value: number | null | undefined, unit: Unit) =>
  scale(value, unit).filter(Boolean).join('\u202f');

export function Quantity({ value, unit }: { value: number | null | undefined; unit: Unit }) {
  const [text, suffix] = scale(value, unit);
  return (
    <span class="quantity">
      {text}
      {suffix && <span class="unit">{`\u202f${suffix}`}</span>}
    </span>
  );
}

export const formatTime = (ms: number) => new Date(ms).toLocaleTimeString('en-GB');
