/** Healthy while the service is ready: Docker stops sending it new connections where something balances on that. */
const port = process.env.PORT || '8080';
const { status } = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4_000) });
process.exit(status === 200 ? 0 : 1);
