import { ConfigurationError } from '../domain/errors.ts';

/** The Datastore entity that `--config-key` names. */
export interface ConfigKey {
  readonly kind: string;
  readonly name: string;
  /** Where the name could as well be the number that Datastore gave to an entity without a name. */
  readonly id: string | undefined;
}

const LARGEST_ID = 2n ** 63n - 1n;

/**
 * @param text `KIND/NAME`
 * @throws ConfigurationError `CONFIG_INVALID`
 */
export function parseConfigKey(text: string): ConfigKey {
  const [kind, name, ...rest] = text.split('/');
  if (!kind || !name || rest.length > 0) {
    const message = `--config-key must be KIND/NAME of a Datastore entity, and is ${JSON.stringify(text)}`;
    throw new ConfigurationError('CONFIG_INVALID', message);
  }
  const isId = /^[1-9]\d{0,18}$/.test(name) && BigInt(name) <= LARGEST_ID;
  return { kind, name, id: isId ? name : undefined };
}
