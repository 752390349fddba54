/** The stories of the blueprints bring a model server and a service with a rate limit; the local batch service may call these two. */
import { outsidePortOf } from '../play/outside/ports.ts';
import type { UpSettings } from './settings.ts';

/** Your own settings, and a stack on your own database, stay as they are. */
export function outsideOfStories({ demo, databaseUrl, env, port }: UpSettings): NodeJS.ProcessEnv {
  if (!demo || databaseUrl) return {};
  return {
    SEGMENT_MODEL_URL: env.SEGMENT_MODEL_URL || `http://127.0.0.1:${outsidePortOf(port, 'model')}`,
    BATCH_HTTP_HOSTS: env.BATCH_HTTP_HOSTS || `127.0.0.1:${outsidePortOf(port, 'shop')}`,
  };
}
