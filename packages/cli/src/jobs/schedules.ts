/** `tidemark schedules …`: jobs that start again and again, by the HTTP API, with the rights of a token. */
import type { CreateSchedule, Schedule, Schedules } from '@tidemark/client';
import { errors } from '../errors.ts';
import { clientOf } from './client-of.ts';
import { printTable, shortTime } from './table.ts';

/** Options of `create`; text as it was given. */
export interface ScheduleFlags {
  readonly pattern?: string;
  readonly kind?: string;
  readonly spec?: string;
  readonly 'time-zone'?: string;
  readonly priority?: string;
  readonly missed?: string;
  readonly overlap?: string;
}

export interface SchedulesCommand {
  readonly words: readonly string[];
  readonly flags: ScheduleFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly print: (line: string) => void;
}

const SHOWN_RUNS = 10;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function runSchedules({ words, flags, env, home, print }: SchedulesCommand): Promise<number> {
  const [action = 'list', name, ...rest] = words;
  const hasFlags = Object.keys(flags).length > 0;
  if (rest.length > 0 || (action === 'list') !== (name === undefined) || (hasFlags && action !== 'create')) {
    throw usage(words);
  }
  const creating = action === 'create' ? newSchedule(name!, flags) : undefined;
  const { schedules } = await clientOf(env, home);
  switch (action) {
    case 'list':
      list(await schedules.list(), print);
      return 0;
    case 'show':
      await show(schedules, await find(schedules, name!), print);
      return 0;
    case 'create': {
      const { id } = await schedules.create(creating!);
      print(`${id} is created; it fires next as \`npx --no -- tidemark schedules show ${id}\` says`);
      return 0;
    }
    case 'pause':
    case 'resume':
    case 'remove':
    case 'run': {
      const { id } = await find(schedules, name!);
      await schedules[action](id);
      print(DONE[action](id));
      return 0;
    }
    default:
      throw usage(words);
  }
}

const DONE = {
  pause: (id: string) => `${id} is paused`,
  resume: (id: string) => `${id} is resumed`,
  remove: (id: string) => `${id} is removed; its jobs go on`,
  run: (id: string) => `${id} starts a job: npx --no -- tidemark schedules show ${id}`,
};

function list(all: readonly Schedule[], print: (line: string) => void): void {
  if (all.length === 0) print('no schedules');
  printTable(
    all.map((one) => [one.id, one.name, one.pattern, one.time_zone, one.kind, nextOf(one)]),
    print,
  );
}

function nextOf({ paused, error, next_at }: Schedule): string {
  if (paused) return 'paused';
  if (error !== null) return (error as { message: string }).message;
  return next_at === null ? 'not read yet' : `next ${shortTime(next_at)}`;
}

async function show(schedules: Schedules, one: Schedule, print: (line: string) => void): Promise<void> {
  const lines: [string, string][] = [
    ['schedule', one.id],
    ['name', one.name],
    ['pattern', `${one.pattern} in ${one.time_zone}`],
    ['next', nextOf(one).replace(/^next /, '')],
    ['kind', one.kind],
    ['priority', one.priority],
    ['missed', one.missed],
    ['overlap', one.overlap],
    ['spec', JSON.stringify(one.spec)],
  ];
  for (const [label, text] of lines) print(`${label.padEnd(10)} ${text}`);
  const runs = (await schedules.runs(one.id)).slice(0, SHOWN_RUNS);
  printTable(
    runs.map(({ due_at, state, job_id, error }) => [
      shortTime(due_at),
      state,
      job_id === null ? (error?.message ?? '') : `job ${job_id}`,
    ]),
    print,
  );
}

/** A name may be given in place of the id, where one schedule has it. */
async function find(schedules: Schedules, name: string): Promise<Schedule> {
  if (UUID.test(name)) return schedules.get(name);
  const found = (await schedules.list()).filter((one) => one.name === name);
  if (found.length === 1) return found[0]!;
  const reason =
    found.length === 0
      ? `none of the 100 newest schedules has the name "${name}"`
      : `${found.length} schedules have the name "${name}": ${found.map(({ id }) => id).join(', ')}`;
  throw errors.USAGE({ reason });
}

function newSchedule(name: string, flags: ScheduleFlags): CreateSchedule {
  const { pattern, kind, spec, 'time-zone': time_zone, ...more } = flags;
  if (pattern === undefined || kind === undefined || spec === undefined) {
    throw errors.USAGE({ reason: 'schedules create takes <name> --pattern <cron> --kind <kind> --spec <JSON>' });
  }
  // The gateway checks the values against its schema, and names the one that does not fit.
  return {
    name,
    pattern,
    kind,
    spec: jsonOf(spec),
    ...(time_zone !== undefined && { time_zone }),
    ...more,
  } as CreateSchedule;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw errors.USAGE({ reason: `--spec is not JSON: ${(cause as Error).message}` }, { cause });
  }
}

const usage = (words: readonly string[]): Error =>
  errors.USAGE({
    reason: `schedules takes list, or show, create, pause, resume, run or remove with the id or name of a schedule, not "${words.join(' ')}"`,
  });
