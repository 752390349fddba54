/** Problems that need a person, on `alerts.<severity>`: when they begin, while they last and when they end. */
import type { Bus } from '@tidemark/bus';
import type { Alert, Severity } from '@tidemark/contracts';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';

export interface Problem {
  severity: Severity;
  message: string;
  hint: string;
}

export interface Alerts {
  /** A problem that lasts; a changed message is sent at once. */
  tell(key: string, problem: Problem): void;
  resolve(key: string): void;
  /** Keys that begin with a prefix. */
  told(prefix: string): string[];
  stop(): void;
}

/** Interval at which an alert is repeated while it lasts, for later subscribers. */
const REPEAT_MS = 30_000;

export function createAlerts(bus: Bus, instance: string, observe: (event: BatchEvent) => void): Alerts {
  // One for the store, and one for each kind.
  const lasting = new Map<string, Problem>();
  const repeating = every('alerts', REPEAT_MS, repeat, observe);

  function repeat(): void {
    for (const [key, problem] of lasting) send(key, problem, false);
  }

  function send(key: string, { severity, message, hint }: Problem, resolved: boolean): void {
    const alert: Alert = { key, message, hint, resolved, service: 'batch', instance, at: Date.now() };
    bus.publish(bus.subjects.alerts(severity), alert);
  }

  return {
    tell(key, problem) {
      const before = lasting.get(key);
      lasting.set(key, problem);
      if (before?.message !== problem.message) send(key, problem, false);
    },
    resolve(key) {
      const problem = lasting.get(key);
      if (!problem) return;
      lasting.delete(key);
      send(key, problem, true);
    },
    told: (prefix) => [...lasting.keys()].filter((key) => key.startsWith(prefix)),
    stop: repeating.stop,
  };
}
