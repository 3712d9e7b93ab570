import { GrpcError, type GrpcStatus } from './grpc-error.ts';

export interface Refusal {
  readonly code: GrpcStatus;
  /** Default says that the refusal was asked for. */
  readonly details?: string | undefined;
  /** How many calls; default: all until `allow`. */
  readonly times?: number | undefined;
}

/** Makes methods of a server fail on request, at run time. Methods go by their name in the proto (`Publish`). */
export class CallFaults {
  readonly #refusals = new Map<string, { readonly refusal: Refusal; left: number }>();

  /** Refuses the calls of a method from now on; replaces what was asked for before. */
  refuse(method: string, refusal: Refusal): void {
    this.#refusals.set(method, { refusal, left: refusal.times ?? Number.POSITIVE_INFINITY });
  }

  /** Lets the method work again; without a name, every method. */
  allow(method?: string): void {
    if (method === undefined) this.#refusals.clear();
    else this.#refusals.delete(method);
  }

  /**
   * Says before every call whether it may go on.
   * @throws {GrpcError} the refusal that was asked for, and uses one of its times up
   */
  check(method: string): void {
    const fault = this.#refusals.get(method);
    if (fault === undefined) return;
    fault.left -= 1;
    if (fault.left <= 0) this.#refusals.delete(method);
    throw new GrpcError(fault.refusal.code, fault.refusal.details ?? `${method} is refused on request.`);
  }
}
