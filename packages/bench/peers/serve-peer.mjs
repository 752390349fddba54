/** Answers each { items } of the bench with the ms from the first job submitted to the last one done, and how many are recorded. */
export function servePeer(runRound) {
  process.on('message', ({ items }) => {
    runRound(items).then(
      ({ ms, recorded }) => process.send({ type: 'round', ms, recorded }),
      (error) => process.send({ type: 'failed', message: error.stack }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send({ type: 'ready', url: '' });
}
