/**
 * Takes the place of a refused body. Fastify would close the connection at once, and a client that is still sending
 * would see a reset.
 */
export class RefusedBody {
  readonly error: Error;

  constructor(error: Error) {
    this.error = error;
  }
}
