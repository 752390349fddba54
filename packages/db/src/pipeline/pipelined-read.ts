/** One read on its way over a pipeline: what is sent, what has come back, and who waits for it. */
import { type AnswerBudget, type AnswerBytes, answerKey } from '../connection/answer-budget.ts';
import type { Pending } from '../connection/pending-queries.ts';
import type { PostgresError } from '../connection/postgres-error.ts';
import type { Client, Holder, Identity, Row, Rows } from '../types.ts';

/** A prepared statement of one connection. `absent`: not there, or its creation is not confirmed. */
export interface Prepared {
  name: string;
  state: 'absent' | 'parsing' | 'ready';
  columns: readonly Column[];
}

export interface Column {
  name: string;
  parse: ((text: string) => unknown) | undefined;
}

export interface Ticket {
  identity: Identity;
  text: string;
  params: readonly (string | null)[];
  /** Also the xmin of a snapshot that is not newer than that of the statement. */
  wantsXmin: boolean;
  /** It may share a transaction with others that are (Statement in types.ts). */
  inert: boolean;
  client: Client | undefined;
}

export class PipelinedRead implements Pending, AnswerBytes {
  readonly ticket: Ticket;
  readonly holder: Holder | undefined;
  readonly onArrival: (read: PipelinedRead) => void;
  sentAt = 0;
  deadline = 0;
  /** When the read before it was answered, or it was sent. */
  startedAt = 0;
  rows: Rows = newRows();
  xmin = '';
  error: Error | undefined;
  /** What Postgres said, until its ReadyForQuery comes. */
  refused: PostgresError | undefined;
  /** Of two: the identity's statement, then its own. One from the start where the read before it has the same identity. */
  completed = 0;
  /** The Sync behind it ends its transaction; without, the next read is in the same one. */
  isLast = true;
  /** Of the identity's statement and of its own, when they are prepared on the way. */
  setter: Prepared | undefined;
  prepared: Prepared | undefined;
  /** `prepared` was there before this read. */
  reused = false;
  /** Postgres has taken the parameters of the statement that it runs. */
  bound = false;
  columns: readonly Column[] = NO_COLUMNS;
  bytes = 0;
  taken = 0;
  readonly #answers: AnswerBudget;

  constructor(
    ticket: Ticket,
    holder: Holder | undefined,
    answers: AnswerBudget,
    onArrival: (read: PipelinedRead) => void,
  ) {
    this.#answers = answers;
    this.ticket = ticket;
    this.holder = holder;
    this.onArrival = onArrival;
  }

  get key(): string {
    return answerKey(this.ticket.identity, this.ticket.client);
  }

  /** Called once: by the wire, or by the connection when it is lost. */
  done(_rows: Rows | undefined, error: Error | undefined): void {
    this.error = error;
    this.#answers.end(this);
    this.onArrival(this);
  }
}

/** A read before it failed in the same transaction, or had an answer for which the connection was given up: it is sent again. */
export const SKIPPED = new Error('Skipped, because a statement before it on its connection failed');

const NO_COLUMNS: readonly Column[] = [];

function newRows(): Rows {
  const rows = [] as Row[] as Rows;
  rows.count = 0;
  return rows;
}
