/** Answers the operators' requests on `inspect.…`, which the metrics service forwards. */
import {
  type HeldAnswer,
  HeldRequest,
  type StatementsAnswer,
  StatementsRequest,
  type StatementTextAnswer,
  StatementTextRequest,
} from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { answerProcessInspections, type ProcessInspectionsOptions } from './process-inspections.ts';
import { verifyOperator } from './tokens/operator.ts';

export interface InspectionsOptions extends ProcessInspectionsOptions {
  db: Pick<Database, 'held' | 'slow' | 'recent' | 'statementText'>;
}

/** Each answer redacts up to 200 statements, some 10 µs each. */
const CONCURRENCY = 2;

/** Shows the connections in use with their holders, the slow and the latest statements, and the process. The result ends it. */
export function answerDatabaseInspections({ db, ...options }: InspectionsOptions): () => void {
  const { bus, instance, verifyToken } = options;
  const answers = [
    bus.answer(
      bus.subjects.inspect('held', instance),
      async ({ token, limit }: HeldRequest): Promise<HeldAnswer> => {
        await verifyOperator(verifyToken, token);
        return { held: db.held(limit) };
      },
      { schema: HeldRequest, concurrency: CONCURRENCY },
    ),
    bus.answer(
      bus.subjects.inspect('statements', instance),
      async ({ token, list, limit }: StatementsRequest): Promise<StatementsAnswer> => {
        await verifyOperator(verifyToken, token);
        const statements = list === 'slow' ? db.slow() : db.recent();
        return { statements: statements.slice(0, limit) };
      },
      { schema: StatementsRequest, concurrency: CONCURRENCY },
    ),
    bus.answer(
      bus.subjects.inspect('text', instance),
      async ({ token, id }: StatementTextRequest): Promise<StatementTextAnswer> => {
        await verifyOperator(verifyToken, token);
        return { text: db.statementText(id) ?? null };
      },
      { schema: StatementTextRequest, concurrency: CONCURRENCY },
    ),
  ];
  const stopProcess = answerProcessInspections(options);
  return () => {
    stopProcess();
    for (const answer of answers) answer.unsubscribe();
  };
}
