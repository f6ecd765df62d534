/** What a user reads below the list. */
export function summary(queue) {
  const { done, cancelled } = queue.counts;
  const all = queue.uploads.size;
  const rest = all - done - cancelled;
  return `${done} of ${all} uploaded${cancelled ? `, ${cancelled} cancelled` : ''}${rest ? `, ${rest} to go` : ''}`;
}
