/** Whoever reads has read enough: `status | head` is no failure. Any other error of writing is. */
export function endWhereNobodyReads(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}
