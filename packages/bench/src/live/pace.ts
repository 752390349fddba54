/** What is not complete after this is a finding. */
export const WAIT_MS = 20_000;
