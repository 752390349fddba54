import type { HomeFolder } from './home-folder.ts';
import type { NatsLimits, NatsNode } from './nats-node.ts';
import type { Settings } from './postgres-config.ts';
import type { PostgresNode } from './postgres-node.ts';
import type { ReplicaNode } from './replica.ts';
import type { UnexpectedExit } from './server-process.ts';
import type { User } from './unprivileged-user.ts';

export interface StackOptions {
  /** The folder (TIDEMARK_HOME) is made when absent, and one stack at a time uses it. */
  home: string;
  /** 0 or absent: a free port at each start. */
  ports?: { primary?: number; replica?: number; nats?: number };
  /** False is faster, but a crash of the machine may lose data. Default true. */
  durable?: boolean;
  postgres?: boolean;
  replica?: boolean;
  nats?: boolean;
  natsLimits?: Partial<NatsLimits>;
  natsPrefix?: string;
  /** Lines for the end of nats.conf, for example a `tls` block. */
  natsSettings?: string;
  postgresSettings?: Settings;
  /** Time limit of a server's start in seconds, including recovery. Default 120. */
  startSeconds?: number;
  onProgress?: (line: string) => void;
  /** Called when a server has ended unexpectedly; with `restart`, when it could not be started again. */
  onExit?: (exit: UnexpectedExit) => void;
  /** Restarts servers that end unexpectedly, and NATS when its JetStream has stopped working. Default false. */
  restart?: boolean;
}

export interface Stack {
  readonly primary: PostgresNode;
  readonly replicas: readonly ReplicaNode[];
  readonly nats: NatsNode;
  /** The folder of the data: the home folder, or the one in its `data-folder.txt`. */
  readonly dataFolder: string;
  /** Stops NATS, replica and primary, each with its own time limit (at most 8, 16 and 16 s). Later calls do nothing. */
  stop(): Promise<void>;
}

/** A node is put in before it starts, so that a failure can stop it. */
export interface Parts {
  options: StackOptions;
  folder: HomeFolder;
  user: User | undefined;
  progress: (line: string) => void;
  onExit: (exit: UnexpectedExit) => void;
  primary?: PostgresNode;
  replica?: ReplicaNode;
  nats?: NatsNode;
}
