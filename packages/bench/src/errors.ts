import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('BENCH', {
  UNKNOWN_SCENARIO: row<{ name: string; known: readonly string[] }>({
    status: 400,
    message: (p) => `there is no scenario "${p.name.slice(0, 63)}"`,
    hint: (p) => `Choose from: ${p.known.join(', ')}.`,
  }),
  UNKNOWN_TRIAL: row<{ name: string; known: readonly string[] }>({
    status: 400,
    message: (p) => `the lab has no trial "${p.name.slice(0, 63)}"`,
    hint: (p) => `Choose from: ${p.known.join(', ')}.`,
  }),
  TRIAL_OVERRAN: row<{ what: string; seconds: number }>({
    status: 500,
    message: (p) => `${p.what} had not ended after ${p.seconds} s`,
    hint: 'Something waits without a deadline, or the machine is very busy: run this trial alone.',
  }),
  NOT_WITHIN: row<{ what: string; seconds: number }>({
    status: 500,
    message: (p) => `not within ${p.seconds} s: ${p.what}`,
    hint: 'That is what the trial is about, or the machine is very busy: run this trial alone.',
  }),
  WRONG_ANSWER: row<{ what: string; status: number; text: string }>({
    status: 500,
    message: (p) => `${p.what} was answered with ${p.status}: ${p.text.slice(0, 300)}`,
    hint: 'That is what the trial is about, or the machine is very busy: run this trial alone.',
  }),
  STATEMENT_FAILED: row<{ reason: string; text: string }>({
    status: 500,
    message: (p) => `a statement of the trial failed with ${p.reason}: ${p.text.slice(0, 2_000)}`,
    hint: 'The trial drew a statement that cannot be right in its place: mend its step.',
  }),
  NOT_STARTED: row<{ name: string; reason: string }>({
    status: 500,
    message: (p) => `"${p.name}" did not start: ${p.reason}`,
    hint: 'Build the repository (npx turbo run build) and look at the lines of that process above.',
  }),
  LOAD_ENDED: row<{ reason: string }>({
    status: 500,
    message: (p) => `the process that makes the load gave no result: ${p.reason}`,
    hint: 'Look at its lines above; run the scenario again.',
  }),
  NO_ANSWER: row<{ reason: string }>({
    status: 500,
    message: (p) => p.reason,
    hint: 'Look at the lines of that server above.',
  }),
  CACHE_SILENT: row<{ seconds: number; status: string }>({
    status: 500,
    message: (p) => `no answer came from the gateway's cache within ${p.seconds} s; the last was "${p.status}"`,
    hint: 'The relay (services/realtime) must run and publish heartbeats on the same NATS prefix.',
  }),
});
