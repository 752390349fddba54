/** Loads undici on first use, since most instances call nobody: it takes 4 MB. */
import type { Agent } from 'undici';

export type Undici = typeof import('undici');

export interface LazyAgent {
  /** The module, and the agent that all calls share. */
  open(): Promise<{ undici: Undici; agent: Agent }>;
  destroy(): Promise<void>;
}

export function lazyAgent(options: Agent.Options): LazyAgent {
  let opening: ReturnType<LazyAgent['open']> | undefined;
  const open = async () => {
    const undici = await import('undici');
    return { undici, agent: new undici.Agent(options) };
  };
  return {
    open: () => {
      opening ??= open();
      return opening;
    },
    destroy: async () => void (await (await opening)?.agent.destroy()),
  };
}
