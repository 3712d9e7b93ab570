import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** A package of Google's that holds `build/protos/protos.json`. */
export interface ProtosPackage {
  readonly name: string;
  /** The package that depends on it, where it is no dependency of this one. */
  readonly through?: string | undefined;
}

/**
 * Reads services out of a Google package's own protos, in the order of `serviceNames` (`google.pubsub.v1.Publisher`).
 *
 * Messages arrive as plain objects with camelCase names. Every field is there: scalars with their defaults, lists and
 * maps empty, absent messages null; only a member of a `oneof` is absent unless set, and the `oneof` itself is a
 * property with the name of the member that is. int64 are decimal strings, because Datastore's integers need all 64 bits;
 * enum values are their names; bytes are Buffers. Answers may leave out fields and give numbers for int64.
 * @throws the resolution error where the package is not installed, and an Error where it has no such service
 */
export function loadServices(from: ProtosPackage, serviceNames: readonly string[]): readonly ServiceDefinition[] {
  const file = findProtos(from);
  const definitions = fromJSON(JSON.parse(readFileSync(file, 'utf8')) as Parameters<typeof fromJSON>[0], {
    keepCase: false,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return serviceNames.map((name) => {
    const definition = definitions[name];
    if (definition === undefined || 'format' in definition) throw new Error(`${file} has no service ${name}`);
    return definition;
  });
}

function findProtos(from: ProtosPackage): string {
  let require = createRequire(import.meta.url);
  if (from.through !== undefined) require = createRequire(require.resolve(from.through));
  return require.resolve(`${from.name}/build/protos/protos.json`);
}
