/** Times in ms, and what is said about them. */
export class Times {
  readonly #values: number[] = [];

  add(ms: number): void {
    this.#values.push(ms);
  }

  /** Runs the work and adds its time, also where it fails. */
  async of<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.add(performance.now() - began);
    }
  }

  get count(): number {
    return this.#values.length;
  }

  /** @param share from 0 to 1 @returns NaN without values */
  percentile(share: number): number {
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  }

  get p95(): number {
    return this.percentile(0.95);
  }

  get most(): number {
    return this.percentile(1);
  }
}

export const ms = (value: number): string => (value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);
export const seconds = (value: number): string => `${(value / 1_000).toFixed(1)} s`;
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
