/** The waits for locks as trees: each wait hangs below the session, or the prepared transaction, that holds the lock. */

export interface HeldLock {
  /** The mode in pg_locks, such as `AccessExclusiveLock`. */
  mode: string;
  /** Quoted where needed; null for a lock of a transaction or of another object. */
  relation: string | null;
}

export interface LockSession {
  pid: number;
  application: string;
  user: string | null;
  /** Null for a local socket. */
  client: string | null;
  state: string;
  /** Text of Postgres: it tells two processes with one pid apart. */
  backendStart: string;
  /** ms since 1970. */
  transactionSince: number | null;
  stateSince: number | null;
  /** The text without literals. */
  statement: string;
  /** The locks on the relations that others wait for. */
  held: HeldLock[];
  wait: (HeldLock & { ms: number | null; pids: number[] }) | null;
}

export interface PreparedTransaction {
  gid: string;
  owner: string;
  /** ms since 1970. */
  since: number;
  held: HeldLock[];
  /** The sessions that wait for it. */
  pids: number[];
}

export interface Waiter {
  pid: number;
  application: string;
  mode: string;
  relation: string | null;
  waitingMs: number | null;
  /** The process that it waits for: the root, or another waiter. Null for a prepared transaction. */
  behind: number | null;
}

export interface LockRoot {
  session: LockSession | null;
  prepared: PreparedTransaction | null;
  /** All that wait for it, directly or behind each other; the longest wait first. */
  waiters: Waiter[];
}

/** Sessions that wait in a circle have no root until Postgres ends the deadlock (deadlock_timeout, 1 s). */
export function lockRoots(sessions: readonly LockSession[], prepared: readonly PreparedTransaction[]): LockRoot[] {
  const direct = new Map<number, LockSession[]>();
  for (const session of sessions) {
    for (const pid of session.wait?.pids ?? []) {
      const waiting = direct.get(pid);
      if (waiting) waiting.push(session);
      else direct.set(pid, [session]);
    }
  }
  function waitersOf(first: readonly LockSession[], behind: number | null): Waiter[] {
    const waiters = new Map<number, Waiter>();
    const queue = first.map((session) => ({ session, behind }));
    for (const { session, behind } of queue) {
      if (waiters.has(session.pid) || session.wait === null) continue;
      const { mode, relation, ms } = session.wait;
      waiters.set(session.pid, {
        pid: session.pid,
        application: session.application,
        mode,
        relation,
        waitingMs: ms,
        behind,
      });
      for (const next of direct.get(session.pid) ?? []) queue.push({ session: next, behind: session.pid });
    }
    return [...waiters.values()].sort((a, b) => (b.waitingMs ?? 0) - (a.waitingMs ?? 0));
  }
  const roots: LockRoot[] = [];
  for (const session of sessions) {
    const waiting = direct.get(session.pid);
    if (session.wait === null && waiting) {
      roots.push({ session, prepared: null, waiters: waitersOf(waiting, session.pid) });
    }
  }
  for (const transaction of prepared) {
    const waiting = sessions.filter(({ pid }) => transaction.pids.includes(pid));
    if (waiting.length > 0) roots.push({ session: null, prepared: transaction, waiters: waitersOf(waiting, null) });
  }
  return roots.sort((a, b) => b.waiters.length - a.waiters.length);
}
