import { defineErrors, row } from '@tidemark/contracts';

const BUSY_HINT = 'The system under test may be at fault; on a busy machine, run this trial alone.';

export const errors = defineErrors('BENCH', {
  UNKNOWN_SCENARIO: row<{ name: string; known: readonly string[] }>({
    status: 400,
    message: (p) => `there is no scenario "${p.name.slice(0, 63)}"`,
    hint: (p) => `Choose from: ${p.known.join(', ')}.`,
  }),
  MINUTES: row<{ given: string }>({
    status: 400,
    message: (p) => `--minutes ${p.given} is no number of minutes above 0 and up to 1,440`,
    hint: 'A soak takes --minutes <n>; 30 or more show a growth of 2 %.',
  }),
  UNKNOWN_TRIAL: row<{ name: string; known: readonly string[] }>({
    status: 400,
    message: (p) => `the lab has no trial "${p.name.slice(0, 63)}"`,
    hint: (p) => `Choose from: ${p.known.join(', ')}.`,
  }),
  TRIAL_OVERRAN: row<{ what: string; seconds: number }>({
    status: 500,
    message: (p) => `${p.what} did not end within ${p.seconds} s`,
    hint: BUSY_HINT,
  }),
  NOT_WITHIN: row<{ what: string; seconds: number }>({
    status: 500,
    message: (p) => `waited ${p.seconds} s for ${p.what}`,
    hint: BUSY_HINT,
  }),
  WRONG_ANSWER: row<{ what: string; status: number; text: string }>({
    status: 500,
    message: (p) => `${p.what} returned ${p.status}: ${p.text.slice(0, 300)}`,
    hint: BUSY_HINT,
  }),
  STATEMENT_FAILED: row<{ reason: string; text: string }>({
    status: 500,
    message: (p) => `a statement of the trial failed with ${p.reason}: ${p.text.slice(0, 2_000)}`,
    hint: 'The trial generated an invalid statement: correct the step that generates it.',
  }),
  NOT_STARTED: row<{ name: string; reason: string }>({
    status: 500,
    message: (p) => `"${p.name}" did not start: ${p.reason}`,
    hint: 'Build the repository (npx turbo run build) and read the output of that process above.',
  }),
  LOAD_ENDED: row<{ reason: string }>({
    status: 500,
    message: (p) => `a load process returned no result: ${p.reason}`,
    hint: 'Read its output above, and run the scenario again.',
  }),
  NO_ANSWER: row<{ reason: string }>({
    status: 500,
    message: (p) => p.reason,
    hint: 'Read the output of that server above.',
  }),
});
