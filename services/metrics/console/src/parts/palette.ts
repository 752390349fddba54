/** A canvas cannot use CSS variables. */
export const SERIES_COLOURS = 6;

export function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    muted: colour('--muted'),
    grid: colour('--grid'),
    series: Array.from({ length: SERIES_COLOURS }, (_, index) => colour(`--series-${index}`)),
  };
}

export function onSchemeChange(changed: () => void): () => void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', changed);
  return () => dark.removeEventListener('change', changed);
}
