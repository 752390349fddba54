/** Compares the figures of a run with those of an earlier one, which `--json` wrote. */

/** Differences below this are those of two runs of the same code. */
const NOISE = 0.1;
const NAMES = ['scenario', 'trial', 'name', 'what', 'to'] as const;

/** Returns a line for each figure that differs by more than a tenth, the largest difference first. */
export function compareReports(before: unknown, after: unknown): string[] {
  const [old, now] = [figuresOf(before), figuresOf(after)];
  const changed = [...now].flatMap(([name, value]) => {
    const earlier = old.get(name);
    if (earlier === undefined || earlier === value) return [];
    const change = earlier === 0 ? Number.POSITIVE_INFINITY : value / earlier - 1;
    return Math.abs(change) > NOISE ? [{ name, earlier, value, change }] : [];
  });
  changed.sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  const lines = changed.map(({ name, earlier, value, change }) => {
    const percent = `${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %`;
    return `${percent.padStart(9)}  ${name}: ${rounded(earlier)} → ${rounded(value)}`;
  });
  const missing = [...old.keys()].filter((name) => !now.has(name));
  return [...lines, ...missing.map((name) => `  missing  ${name}`)];
}

const rounded = (value: number) => Number(value.toPrecision(4));

/** Every number of the results by the names on the way to it; of a finding, the first number of the text. */
function figuresOf(report: unknown): Map<string, number> {
  const found = new Map<string, number>();
  collect((report as { results?: unknown }).results, '', found);
  return found;
}

function collect(value: unknown, path: string, found: Map<string, number>): void {
  if (Array.isArray(value)) {
    for (const one of value) collect(one, path, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  const own = NAMES.flatMap((key) => {
    const name = (value as Record<string, unknown>)[key];
    return typeof name === 'string' ? [name] : [];
  });
  const place = [path, ...own].filter((part) => part !== '').join(' · ');
  for (const [key, inner] of entries) {
    if (typeof inner === 'number') found.set(`${place} · ${key}`, inner);
    else if (key === 'got' && typeof inner === 'string') {
      const number = /-?\d+(\.\d+)?/.exec(inner)?.[0];
      if (number !== undefined) found.set(place, Number(number));
    } else collect(inner, place, found);
  }
}
