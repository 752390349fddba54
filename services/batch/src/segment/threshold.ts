/**
 * Returns the level that separates dark pixels (up to it) from light ones best: the variance between the two is the largest
 * (Otsu 1979). An image of one level has no light pixels.
 */
export function otsuLevel(pixels: Uint8Array): number {
  const histogram = new Float64Array(256);
  for (const value of pixels) histogram[value]! += 1;
  const total = pixels.length;
  const sum = histogram.reduce((all, count, value) => all + count * value, 0);
  let [below, sumBelow, best] = [0, 0, -1];
  // Several levels are as good where none between them occurs: the middle one is the least sensitive to noise.
  let [first, last] = [255, 255];
  for (let level = 0; level < 255; level += 1) {
    below += histogram[level]!;
    sumBelow += histogram[level]! * level;
    if (below === 0 || below === total) continue;
    const difference = sumBelow / below - (sum - sumBelow) / (total - below);
    const variance = below * (total - below) * difference ** 2;
    if (variance > best) [best, first, last] = [variance, level, level];
    else if (variance === best) last = level;
  }
  return Math.floor((first + last) / 2);
}

/** Returns 1 for the pixels of the foreground: those above the level, or with `dark` the others. */
export function aboveLevel(pixels: Uint8Array, level: number, dark: boolean): Uint8Array {
  const classes = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at += 1) classes[at] = Number(pixels[at]! > level !== dark);
  return classes;
}
