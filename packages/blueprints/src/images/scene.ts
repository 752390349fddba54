import type { Random } from './random.ts';

export function scene(random: Random, width: number, height: number): string {
  const hue = random.integer(0, 359);
  const colour = (shift: number, lightness: number) =>
    `hsl(${(hue + shift) % 360},${random.integer(35, 85)}%,${lightness}%)`;
  const shapes = [
    `<rect width="${width}" height="${height}" fill="url(#sky)"/>`,
    `<circle cx="${random.integer(0, width)}" cy="${random.integer(0, height >> 1)}" r="${random.integer(height >> 4, height >> 2)}" fill="${colour(40, 80)}"/>`,
    ...[0, 1, 2].map((layer) => hill(random, width, height, layer, colour(180 + layer * 12, 45 - layer * 12))),
    ...Array.from({ length: random.integer(4, 16) }, () =>
      block(random, width, height, colour(random.integer(0, 359), 60)),
    ),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs>` +
    `<linearGradient id="sky" x1="0" y1="0" x2="${random.next().toFixed(2)}" y2="1">` +
    `<stop offset="0" stop-color="${colour(0, 55)}"/><stop offset="1" stop-color="${colour(60, 85)}"/></linearGradient>` +
    `</defs>${shapes.join('')}</svg>`
  );
}

function hill(random: Random, width: number, height: number, layer: number, fill: string): string {
  const base = height * (0.5 + layer * 0.15);
  const points = Array.from(
    { length: 6 },
    (_, i) => `${(i * width) / 5},${Math.round(base - random.next() * height * 0.25)}`,
  );
  return `<polygon points="0,${height} ${points.join(' ')} ${width},${height}" fill="${fill}"/>`;
}

function block(random: Random, width: number, height: number, fill: string): string {
  const size = random.integer(4, Math.max(6, width >> 3));
  return `<rect x="${random.integer(0, width)}" y="${random.integer(0, height)}" width="${size}" height="${random.integer(4, size * 2)}" rx="${random.integer(0, 8)}" transform="rotate(${random.integer(-45, 45)} ${width >> 1} ${height >> 1})" fill="${fill}" fill-opacity="${(0.3 + random.next() * 0.6).toFixed(2)}"/>`;
}
