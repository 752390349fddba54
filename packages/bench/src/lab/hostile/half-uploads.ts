import { ANSWER_MS, type Attacker, count, openSocket, within } from './attacker.ts';

const BOUNDARY = 'half';

export const halfUploads: Attacker = {
  name: 'half-uploads',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target);
    socket.write(
      `POST /api/v1/files HTTP/1.1\r\nHost: lab\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
        `Content-Length: 1000000\r\n\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf`,
    );
    const isAnswered = await within(socket, 'data', ANSWER_MS);
    socket.destroy();
    count(outcome, isAnswered ? 'refused' : 'unanswered', target);
  },
};
