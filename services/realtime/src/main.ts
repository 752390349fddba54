/** The process: nothing else in this service touches process.*. */
import { runService } from '@tidemark/service';
import { start } from './start.ts';

await runService({ name: 'realtime', start });
