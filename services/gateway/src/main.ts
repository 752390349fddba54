import { runService } from '@tidemark/service';
import { start } from './start.ts';

await runService({ name: 'gateway', start });
