/** Paths below /rest/v1 that name no table and no function, with PostgREST's codes. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { postgrest } from '../../errors.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'];

export const wrongPaths = fp(
  async (app: BaseApp) => {
    app.route<{ Params: { '*': string } }>({
      method: METHODS,
      url: '/rest/v1/*',
      handler(request) {
        const path = request.params['*'];
        // Other methods have routes of their own.
        const isResource = /^(rpc\/)?[^/]+$/.test(path);
        throw isResource ? postgrest.PGRST117({ method: request.method }) : postgrest.PGRST125();
      },
    });
  },
  { name: 'wrong-paths', dependencies: ['bodies', 'identity'] },
);
