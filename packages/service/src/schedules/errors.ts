import { defineErrors, row } from '@tidemark/contracts';

export const scheduleErrors = defineErrors('SCHEDULE', {
  INVALID: row<{ pattern: string; timeZone: string; problem: string }>({
    status: 422,
    message: (p) => `the pattern "${p.pattern}" in the time zone "${p.timeZone}" cannot be used: ${p.problem}`,
    hint: 'Send five fields (minute hour day month weekday), or six with seconds first, and a time zone of the IANA such as Europe/Berlin.',
  }),
});
