/** The time that charts show. Steps are such that a chart has some 180 points. */
export interface Range {
  readonly name: string;
  readonly seconds: number;
  readonly stepS: number;
}

export const RANGES = [
  { name: '15 min', seconds: 900, stepS: 5 },
  { name: '1 h', seconds: 3_600, stepS: 20 },
  { name: '6 h', seconds: 21_600, stepS: 120 },
  { name: '24 h', seconds: 86_400, stepS: 480 },
  { name: '7 d', seconds: 604_800, stepS: 3_600 },
  { name: '30 d', seconds: 2_592_000, stepS: 14_400 },
] as const satisfies readonly Range[];

/** Returns the range of an address; the first one where it has none, or one that is unknown. */
export const rangeOf = (params: Readonly<Record<string, string>>): Range =>
  RANGES.find(({ name }) => name.replace(' ', '') === params.range) ?? RANGES[0];

/** Undefined for the range that an address without one has. */
export const rangeParam = ({ name }: Range): string | undefined =>
  name === RANGES[0].name ? undefined : name.replace(' ', '');
