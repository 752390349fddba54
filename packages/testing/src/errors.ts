import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('TESTING', {
  BAD_TEST_STACK: row<{ value: string; reason: string }>({
    status: 400,
    message: (p) => `TIDEMARK_TEST_STACK is ${p.value}, which does not describe a stack: ${p.reason}`,
    hint: 'Set it to the text that describeForTests(stack) returns, or to the path of a file with it, or unset it.',
  }),
  NOT_WITHIN: row<{ seconds: number; what: string }>({
    status: 504,
    message: (p) => `a condition did not become true within ${p.seconds} s: ${p.what}`,
    hint: 'Run the test file alone. If it passes then, the machine was slow; otherwise the condition names what is missing.',
  }),
  CLONE_FAILED: row<{ reason: string; output: string }>({
    status: 500,
    message: (p) => `npm start in the clone ${p.reason}: ${p.output}`,
    hint: 'Run the same in a clone of your own: git clone, then npm start as an ordinary user.',
  }),
  NO_TLS: row<{ ms: number }>({
    status: 504,
    message: (p) => `Postgres does not offer TLS ${p.ms} ms after the reload of its settings`,
    hint: 'Run the test again if the machine was slow; otherwise the log of Postgres has the cause.',
  }),
  REPLICA_BEHIND: row<{ database: string; seconds: number }>({
    status: 504,
    message: (p) => `the database ${p.database} did not appear on the replica within ${p.seconds} s`,
    hint: 'Run the test again if the machine was slow; otherwise the log of the replica has the cause.',
  }),
  SERVER_SILENT: row<{ server: string; seconds: number }>({
    status: 504,
    message: (p) => `${p.server} did not answer within ${p.seconds} s, or has ended`,
    hint: 'Run its programs by hand with the same settings: they print the cause.',
  }),
});
