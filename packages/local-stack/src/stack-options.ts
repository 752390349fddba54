/** The options of a stack, the stack itself, and the state that the parts of its start share. */
import type { HomeFolder } from './home-folder.ts';
import type { NatsLimits, NatsNode } from './nats-node.ts';
import type { Settings } from './postgres-config.ts';
import type { PostgresNode } from './postgres-node.ts';
import type { ReplicaNode } from './replica.ts';
import type { UnexpectedExit } from './server-process.ts';
import type { User } from './unprivileged-user.ts';

export interface StackOptions {
  /** Folder for data, passwords and logs (TIDEMARK_HOME). Made when absent; one stack at a time. */
  home: string;
  /** Fixed ports; 0 or absent takes a free one, anew at each start of the stack. */
  ports?: { primary?: number; replica?: number; nats?: number };
  /** False trades safety against a crash of the machine for speed, for tests. Default true. */
  durable?: boolean;
  /** Whether to run Postgres; default true. */
  postgres?: boolean;
  /** Whether to run a streaming replica; default true. */
  replica?: boolean;
  /** Whether to run nats-server; default true. */
  nats?: boolean;
  natsLimits?: Partial<NatsLimits>;
  /** NATS_PREFIX of the services that will use it; default none. */
  natsPrefix?: string;
  /** Lines for the end of nats.conf, for example a `tls` block. */
  natsSettings?: string;
  /** Settings of both Postgres nodes that win over ours, for example `{ max_slot_wal_keep_size: '64MB' }`. */
  postgresSettings?: Settings;
  /** Seconds for a server to become ready, recovery included. Default 120. */
  startSeconds?: number;
  /** Lines for people about what takes time. */
  onProgress?: (line: string) => void;
  /** A server ended that was not asked to; with `restart`, one that could not be started again. */
  onExit?: (exit: UnexpectedExit) => void;
  /** Starts servers again that end by themselves, and NATS when its JetStream has given up. Default false. */
  restart?: boolean;
}

export interface Stack {
  /** @throws STACK_NOT_RUNNING when started with `postgres: false` */
  readonly primary: PostgresNode;
  readonly replicas: readonly ReplicaNode[];
  /** @throws STACK_NOT_RUNNING when started with `nats: false` */
  readonly nats: NatsNode;
  /** Where the data is: the home folder, or what `data-folder.txt` in it says. */
  readonly dataFolder: string;
  /** Stops NATS, replica, primary, each with its own time limit (at most 8, 16 and 16 s). May be called again. */
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
