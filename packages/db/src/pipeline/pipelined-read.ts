import { type AnswerBudget, type AnswerBytes, answerKey } from '../connection/answer-budget.ts';
import type { Pending } from '../connection/pending-queries.ts';
import type { PostgresError } from '../connection/postgres-error.ts';
import type { Client, Holder, Identity, Row, Rows } from '../types.ts';

/** A prepared statement of one connection. `absent`: not prepared. `parsing`: sent, and not confirmed yet. */
export interface Prepared {
  name: string;
  state: 'absent' | 'parsing' | 'ready';
  columns: readonly Column[];
}

export interface Column {
  name: string;
  parse: ((text: string) => unknown) | undefined;
}

export interface PipelineRequest {
  identity: Identity;
  text: string;
  params: readonly (string | null)[];
  wantsXmin: boolean;
  sessionSafe: boolean;
  client: Client | undefined;
}

export class PipelinedRead implements Pending, AnswerBytes {
  readonly request: PipelineRequest;
  readonly holder: Holder | undefined;
  sentAt = 0;
  deadline = 0;
  /** When the server began to work on it: when it was sent, or when the read before it was answered. */
  startedAt = 0;
  rows: Rows = newRows();
  xmin = '';
  error: Error | undefined;
  refused: PostgresError | undefined;
  /** Statements answered, of two: the identity's and its own. Begins at 1 where the read before it has the same identity. */
  completed = 0;
  /** A Sync follows it and ends its transaction; else the next read is in the same transaction. */
  isLast = true;
  setter: Prepared | undefined;
  prepared: Prepared | undefined;
  reused = false;
  bound = false;
  columns: readonly Column[] = NO_COLUMNS;
  bytes = 0;
  taken = 0;
  readonly #answers: AnswerBudget;
  readonly #onDone: (read: PipelinedRead) => void;

  constructor(
    request: PipelineRequest,
    holder: Holder | undefined,
    answers: AnswerBudget,
    onDone: (read: PipelinedRead) => void,
  ) {
    this.#answers = answers;
    this.request = request;
    this.holder = holder;
    this.#onDone = onDone;
  }

  get key(): string {
    return answerKey(this.request.identity, this.request.client);
  }

  done(_rows: Rows | undefined, error: Error | undefined): void {
    this.error = error;
    this.#answers.end(this);
    this.#onDone(this);
  }
}

/** The read got no answer because an earlier read of its transaction failed, or its connection was given up: send it again. */
export const SKIPPED = new Error('skipped, because an earlier statement on its connection failed');

const NO_COLUMNS: readonly Column[] = [];

function newRows(): Rows {
  const rows = [] as Row[] as Rows;
  rows.count = 0;
  return rows;
}
