import type { handleUnaryCall, sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { toGrpcError } from './grpc-error.ts';

export type Call = ServerUnaryCall<unknown, unknown>;

/** Answers one request; a thrown GrpcError ends the call with its status, anything else with INTERNAL. */
export type UnaryMethod = (request: never, call: Call) => unknown;

/**
 * Methods as `@grpc/grpc-js` wants them, of functions that return or resolve to the answer.
 * @param before runs before every call and may refuse it by throwing a GrpcError (see `CallFaults`)
 */
export function unaryMethods(
  methods: Readonly<Record<string, UnaryMethod>>,
  before: (method: string) => void,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => {
      const answer = async (call: Call): Promise<unknown> => {
        before(name);
        return method(call.request as never, call);
      };
      const handle: handleUnaryCall<unknown, unknown> = (call, callback) => {
        void settle(answer(call), callback);
      };
      return [name, handle];
    }),
  );
}

async function settle(answer: Promise<unknown>, callback: sendUnaryData<unknown>): Promise<void> {
  const [outcome] = await Promise.allSettled([answer]);
  if (outcome.status === 'fulfilled') callback(null, outcome.value);
  else callback(toGrpcError(outcome.reason));
}
