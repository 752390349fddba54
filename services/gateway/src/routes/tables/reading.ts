import type { Tidemark } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ReadRequest } from '../../request/read-requests.ts';

export type TableRequest = FastifyRequest<{ Params: { table: string } }>;

export interface Reading {
  request: TableRequest;
  reply: FastifyReply;
  read: ReadRequest;
  identity: Identity;
  asked: Tidemark | undefined;
}
