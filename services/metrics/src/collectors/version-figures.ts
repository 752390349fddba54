/** Columns of Postgres's statistics views, with the version that brought them: a figure is there, or its version is named. */

export interface VersionFigure {
  /** The name in our answers. */
  name: string;
  column: string;
  /** `time` is answered in ms since 1970, and `ms` and `count` as they are. */
  kind: 'count' | 'ms' | 'time';
  /** The major version of Postgres that brought the column. Default: every version that Tidemark supports. */
  since?: number;
}

const isThere = ({ since = 0 }: VersionFigure, major: number) => since <= major;

/** Returns the part of a select list with a figure for each entry that this version has. */
export function selectFigures(figures: readonly VersionFigure[], alias: string, major: number): string {
  return figures
    .filter((figure) => isThere(figure, major))
    .map(({ name, column, kind }) => {
      const value = `${alias}.${column}`;
      return `${kind === 'time' ? `(extract(epoch from ${value}) * 1000)` : value}::float8 as "${name}"`;
    })
    .join(',\n  ');
}

/** Returns the figures that this version does not have, each with the version that brings it. */
export function missingFigures(figures: readonly VersionFigure[], major: number): Record<string, string> {
  const missing = figures.filter((figure) => !isThere(figure, major));
  return Object.fromEntries(missing.map(({ name, since }) => [name, `needs Postgres ${since}; this is ${major}`]));
}
