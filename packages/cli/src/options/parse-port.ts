import { InvalidArgumentError } from 'commander';

/** @throws InvalidArgumentError, which commander turns into a usage error that names the flag */
export function parsePort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
