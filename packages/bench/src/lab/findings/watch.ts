/** Follows the findings of metrics from outside, as an operator's tool does. */
import { pause, until } from '../../measuring/waiting.ts';
import { signToken } from '../../processes/services.ts';

export interface Found {
  readonly rule: string;
  readonly key: string;
  readonly root: string | null;
  readonly message: string;
  readonly do: readonly { readonly sql: string }[];
}

export interface Watch {
  roots(): Promise<Found[]>;
  /** Waits until this rule is a root, and returns the roots of that moment. */
  until(rule: string, ms: number): Promise<{ roots: Found[]; afterMs: number }>;
  untilWell(ms: number): Promise<void>;
  /** Returns all roots that were there at any time. */
  during(ms: number): Promise<Found[]>;
}

export async function watchFindings(url: string): Promise<Watch> {
  const headers = { authorization: `Bearer ${await signToken({ role: 'ops' })}` };
  let last: Found[] = [];
  const roots = async () => {
    const answer = await fetch(`${url}/api/v1/performance/findings`, { headers, signal: AbortSignal.timeout(5_000) });
    if (!answer.ok) throw new Error(`findings: ${answer.status}`);
    last = ((await answer.json()) as { findings: Found[] }).findings.filter(({ root }) => root === null);
    return last;
  };
  const shown = () => last.map(({ rule, message }) => `${rule}: ${message}`).join('; ') || 'nothing';
  return {
    roots,
    async until(rule, ms) {
      const startedAt = performance.now();
      const isFound = async () => (await roots()).some((one) => one.rule === rule);
      await until(() => `${rule} to be found; found: ${shown()}`, isFound, ms);
      return { roots: last, afterMs: performance.now() - startedAt };
    },
    untilWell: (ms) =>
      until(
        () => `no finding to be left; left: ${shown()}`,
        async () => (await roots()).length === 0,
        ms,
      ),
    async during(ms) {
      const seen = new Map<string, Found>();
      const endsAt = performance.now() + ms;
      while (performance.now() < endsAt) {
        for (const one of await roots()) seen.set(one.key, one);
        await pause(500);
      }
      return [...seen.values()];
    },
  };
}
