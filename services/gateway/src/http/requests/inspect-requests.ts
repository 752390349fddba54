/** Answers the operators' requests for records on `inspect.requests.…`, which the metrics service forwards. */
import type { Bus } from '@tidemark/bus';
import { type RequestsAnswer, RequestsRequest } from '@tidemark/contracts';
import { type VerifyToken, verifyOperator } from '@tidemark/service';
import type { RequestRecords } from './request-records.ts';

export interface RequestInspections {
  bus: Pick<Bus, 'answer' | 'subjects'>;
  instance: string;
  records: RequestRecords;
  verifyToken: VerifyToken;
}

/** Each looks through 1,000 records. */
const CONCURRENCY = 2;

/** The result ends it. */
export function answerRequestInspections({ bus, instance, records, verifyToken }: RequestInspections): () => void {
  const answer = bus.answer(
    bus.subjects.inspect('requests', instance),
    async ({ token, ...asked }: RequestsRequest): Promise<RequestsAnswer> => {
      await verifyOperator(verifyToken, token);
      return { requests: records.find(asked) };
    },
    { schema: RequestsRequest, concurrency: CONCURRENCY },
  );
  return () => answer.unsubscribe();
}
