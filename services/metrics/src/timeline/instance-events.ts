/** Compares the telemetry of an instance with what its service sent before. */
import type { Telemetry } from '@tidemark/contracts';
import type { Happening } from './timeline.ts';

export interface ServiceState {
  version?: string;
  settings?: Readonly<Record<string, string>>;
}

/** If the first message of a process is older than this after its start, this service has started, and not the process. */
const STARTED_MS = 30_000;

/** @param service what the newest process of the service before reported; it is updated */
export function instanceEvents(before: Telemetry | undefined, now: Telemetry, service: ServiceState): Happening[] {
  const subject = `${now.service}/${now.instance}`;
  const happened: Happening[] = [];
  const isNewProcess = before?.startedAt !== now.startedAt || before.pid !== now.pid;
  if (isNewProcess) happened.push(...processEvents(before, now, subject), ...serviceEvents(now, service));
  if (now.stopping) {
    if (isNewProcess || !before?.stopping) {
      happened.push({ type: 'instance.stopped', subject, message: `${subject} (pid ${now.pid}) stops` });
    }
    return happened;
  }
  if (before && !isNewProcess && before.ready !== now.ready) {
    happened.push(
      now.ready
        ? { type: 'instance.ready', subject, message: `${subject} is ready` }
        : { type: 'instance.not_ready', subject, message: `${subject} is not ready: ${now.problems.join('; ')}` },
    );
  }
  return happened;
}

function processEvents(before: Telemetry | undefined, now: Telemetry, subject: string): Happening[] {
  if (before) {
    const end = before.stopping ? 'had stopped' : 'had not stopped by itself: it crashed or was killed';
    const message = `${subject} runs as pid ${now.pid}; pid ${before.pid} before it ${end}`;
    return [{ type: 'instance.restarted', subject, message }];
  }
  if (now.at - now.startedAt > STARTED_MS) return [];
  return [{ type: 'instance.started', subject, message: `${subject} started as pid ${now.pid} at ${now.url}` }];
}

function serviceEvents({ service: name, instance, version, settings }: Telemetry, known: ServiceState): Happening[] {
  const happened: Happening[] = [];
  if (version !== undefined && known.version !== undefined && version !== known.version) {
    const message = `${name} runs ${version} (${instance}); before, ${known.version}`;
    happened.push({ type: 'version.changed', subject: name, message });
  }
  const names = settings && known.settings ? changedNames(known.settings, settings) : [];
  if (names.length > 0) {
    const message = `${name} runs with another ${names.join(', ')} (${instance})`;
    happened.push({ type: 'configuration.changed', subject: name, message });
  }
  if (version !== undefined) known.version = version;
  if (settings) known.settings = settings;
  return happened;
}

/** Each instance has its own. */
const OWN: ReadonlySet<string> = new Set(['INSTANCE', 'PORT', 'HOST']);

function changedNames(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => !OWN.has(name) && before[name] !== now[name]).sort();
}
