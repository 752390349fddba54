import { register } from 'node:module';

register('./strip.js', import.meta.url);
