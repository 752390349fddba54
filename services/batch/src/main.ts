#!/usr/bin/env node
import { runService } from '@tidemark/service';
import { start } from './start.ts';

await runService({ name: 'batch', start });
