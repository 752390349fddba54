/**
 * Servers that die with us, also after kill -9: when the pipe from this process closes, the shell that is their
 * parent stops them. A parent cannot hit a stranger that got the server's process id. They are in a session of their
 * own, so that Ctrl-C does not decide the order of stopping.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { isAlive, processTree, signalAll } from './running-processes.ts';
import { asUser, type User } from './unprivileged-user.ts';
import { waitUntil } from './wait-until.ts';

/**
 * $1 soft signal, $2 seconds until the hard one, $3 hard signal, then the command. Standard input is the pipe, descriptor
 * 3 gets the server's process id. Stopped (SIGSTOP) processes are woken first, or no signal but KILL would reach them.
 */
const SCRIPT = `
soft=$1 grace=$2 hard=$3; shift 3
exec 4<&0 0</dev/null
"$@" 3>&- 4<&- &
server=$!
echo "$server" >&3
exec 3>&-
(
  read -r _ <&4
  children=$(cat "/proc/$server/task/$server/children" 2>/dev/null || pgrep -P "$server")
  kill -CONT $server $children 2>/dev/null
  kill -"$soft" $server 2>/dev/null
  while [ "$grace" -gt 0 ] && kill -0 $server 2>/dev/null; do sleep 1; grace=$((grace - 1)); done
  kill -"$hard" $server 2>/dev/null
  sleep 6
  kill -KILL $server $children 2>/dev/null
) &
watch=$!
exec 4<&-
wait $server; code=$?
kill $watch 2>/dev/null
wait $watch 2>/dev/null
exit $code
`;

export interface GuardedCommand {
  command: string;
  args: string[];
  /** The working folder of the server, which `user` must be able to enter. */
  cwd: string;
  user: User | undefined;
  logFd: number;
  env: Record<string, string>;
  soft: 'INT' | 'TERM';
  hard: 'QUIT' | 'KILL';
  graceSeconds: number;
}

export interface Exit {
  /** The code is 128 + signal number after a signal. */
  code: number;
}

export class GuardedProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #guard: ChildProcess;
  #exit: Exit | undefined;

  constructor(pid: number, guard: ChildProcess, exited: Promise<Exit>) {
    this.pid = pid;
    this.#guard = guard;
    this.exited = exited.then((exit) => {
      this.#exit = exit;
      // Without its guard, which was killed, the server would outlive this process.
      if (isAlive(pid) && exit.code !== 0 && this.#guard.signalCode) signalAll(processTree(pid), 'SIGKILL');
      return exit;
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) signalAll([this.pid], signal);
  }

  /** The server gets the signal first; then the list of its children is complete. */
  signalTree(signal: NodeJS.Signals): void {
    if (!this.running) return;
    signalAll([this.pid], signal);
    signalAll(processTree(this.pid), signal);
  }

  async ended(limitMs: number): Promise<boolean> {
    return (await waitUntil(() => !this.running, limitMs)) === true;
  }
}

/** Rejects when not even the shell can be started. */
export async function spawnGuarded(options: GuardedCommand): Promise<GuardedProcess> {
  const { soft, graceSeconds, hard } = options;
  const args = ['-c', SCRIPT, 'tidemark-guard', soft, String(graceSeconds), hard, options.command, ...options.args];
  const guard = spawn('/bin/sh', args, {
    ...asUser(options.user),
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['pipe', options.logFd, options.logFd, 'pipe'],
  });
  const exited = new Promise<Exit>((resolve) => {
    guard.once('exit', (code, signal) => resolve({ code: code ?? (signal ? 128 : 0) }));
  });
  const failed = new Promise<never>((_, reject) => guard.once('error', reject));
  if (guard.pid === undefined) return failed;
  const pid = await readPid(guard.stdio[3] as Readable);
  guard.stdin?.on('error', () => {}); // EPIPE when the guard has ended, which `exited` reports.
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return new GuardedProcess(pid, guard, exited);
}

async function readPid(stream: Readable): Promise<number> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return Number(text.trim());
}
