import { createInterface } from 'node:readline';

export interface ConfirmStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/**
 * Asks a question that is answered by `y` or `yes`; anything else, and the end of the input, is no.
 * @throws the reason of the signal
 */
export async function confirm(question: string, { input, output, signal }: ConfirmStreams): Promise<boolean> {
  output.write(`${question} [y/N] `);
  // The terminal stays in its line mode, where Ctrl-C is a signal.
  const lines = createInterface({ input, terminal: false, signal });
  try {
    for await (const line of lines) return /^y(?:es)?$/i.test(line.trim());
    signal.throwIfAborted();
    return false;
  } finally {
    lines.close();
    // A terminal that is still being read keeps the process alive.
    input.pause();
  }
}
