/** POST /api/v1/images/transform and /api/v1/ocr: one file, or the body of the request, without a job. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import { mediaBodies } from './media-bodies.ts';
import { registerOcr } from './ocr.ts';
import { registerTransform } from './transform.ts';

export const mediaRoutes = fp(
  async (app: BaseApp, context: RouteContext) => {
    app.register(async (scope: BaseApp) => {
      mediaBodies(scope);
      registerTransform(scope, context);
      registerOcr(scope, context);
    });
  },
  { name: 'media-routes', dependencies: ['bodies', 'identity'] },
);
