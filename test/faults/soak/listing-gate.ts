import type { IncomingMessage } from 'node:http';

interface Hold {
  readonly prefix: string;
  readonly onHeld: () => void;
  readonly released: Promise<void>;
}

/** Holds listings of a folder of S3 back, until it is told to let them go. */
export class ListingGate {
  readonly #holds: Hold[] = [];

  /** For the server: see `ListenOptions.intercept`. */
  readonly intercept = async ({ url = '' }: IncomingMessage): Promise<boolean> => {
    const prefix = new URL(url, 'http://s3').searchParams.get('prefix');
    const index = this.#holds.findIndex((hold) => hold.prefix === prefix);
    const [hold] = index < 0 ? [] : this.#holds.splice(index, 1);
    hold?.onHeld();
    await hold?.released;
    return false;
  };

  /** The next listing of this prefix waits. @returns when it does, and what lets it go */
  hold(prefix: string): { readonly held: Promise<void>; readonly release: () => void } {
    const { promise: held, resolve: onHeld } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    this.#holds.push({ prefix, onHeld, released });
    return { held, release };
  }
}
