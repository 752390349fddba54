/** JetStream's folder is replaced by an older copy, as a restored disk would be: the stream loses changes that clients have received. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import { equal } from '../trial.ts';

const run = promisify(execFile);
/** Keeps owners and modes, because the server runs as another user. */
const copyFolder = (from: string, to: string) => run('cp', ['-a', from, to]);

export const jetstreamRolledBack = liveFaultTrial({
  name: 'jetstream-rolled-back',
  claim: 'a stream that has lost its end is detected: a new epoch begins, and every client receives a new snapshot',
  epochs: 1,
  async faults(context, { stack: { nats, dataFolder }, active, relayed, epochs }) {
    const folder = join(dataFolder, 'nats');
    const copy = `${folder}-copy`;
    await pause(200);
    await nats.stop();
    await copyFolder(folder, copy);
    await nats.start();
    await relayed();
    await pause(context.quick ? 200 : 5_000);
    await nats.stop();
    await rm(folder, { recursive: true });
    await copyFolder(copy, folder);
    await rm(copy, { recursive: true });
    await nats.start();
    await active();
    await relayed();
    return [equal('reason of the last epoch', 'the end of the stream is lost', (await epochs()).at(-1) ?? '')];
  },
});
