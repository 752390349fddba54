/** The options of a stack, the stack itself, and the state that the parts of its start share. */
import type { HomeFolder } from './home-folder.ts';
import type { NatsLimits, NatsNode } from './nats-node.ts';
import type { Settings } from './postgres-config.ts';
import type { PostgresNode } from './postgres-node.ts';
import type { ReplicaNode } from './replica.ts';
import type { UnexpectedExit } from './server-process.ts';
import type { User } from './unprivileged-user.ts';

export interface StackOptions {
  /** The folder for data, passwords and logs (TIDEMARK_HOME). It is made when absent, and one stack at a time uses it. */
  home: string;
  /** Fixed ports; 0 or absent: a free port at each start of the stack. */
  ports?: { primary?: number; replica?: number; nats?: number };
  /** False, for tests: faster, but a crash of the machine may lose data. Default true. */
  durable?: boolean;
  /** Whether to run Postgres; default true. */
  postgres?: boolean;
  /** Whether to run a streaming replica; default true. */
  replica?: boolean;
  /** Whether to run nats-server; default true. */
  nats?: boolean;
  natsLimits?: Partial<NatsLimits>;
  /** NATS_PREFIX of the services; default none. */
  natsPrefix?: string;
  /** Lines for the end of nats.conf, for example a `tls` block. */
  natsSettings?: string;
  /** Settings of both Postgres nodes that override ours, for example `{ max_slot_wal_keep_size: '64MB' }`. */
  postgresSettings?: Settings;
  /** Time limit of a server's start in seconds, including recovery. Default 120. */
  startSeconds?: number;
  /** Gets lines about steps that take time. */
  onProgress?: (line: string) => void;
  /** Called when a server has ended unexpectedly; with `restart`, when it could not be started again. */
  onExit?: (exit: UnexpectedExit) => void;
  /** Restarts servers that end unexpectedly, and NATS when its JetStream has stopped working. Default false. */
  restart?: boolean;
}

export interface Stack {
  /** @throws STACK_NOT_RUNNING when started with `postgres: false` */
  readonly primary: PostgresNode;
  readonly replicas: readonly ReplicaNode[];
  /** @throws STACK_NOT_RUNNING when started with `nats: false` */
  readonly nats: NatsNode;
  /** The folder of the data: the home folder, or the one in its `data-folder.txt`. */
  readonly dataFolder: string;
  /** Stops NATS, replica and primary, each with its own time limit (at most 8, 16 and 16 s). Later calls do nothing. */
  stop(): Promise<void>;
}

/** State that the parts of the start share. A node is put in before it starts, so that a failure can stop it. */
export interface Parts {
  options: StackOptions;
  folder: HomeFolder;
  user: User | undefined;
  progress: (line: string) => void;
  /** Called when a server has ended. */
  onExit: (exit: UnexpectedExit) => void;
  primary?: PostgresNode;
  replica?: ReplicaNode;
  nats?: NatsNode;
}
