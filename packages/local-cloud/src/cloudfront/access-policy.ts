import { BlockList, isIPv6 } from 'node:net';
import { CloudFrontError } from './cloudfront-error.ts';
import { matchesWildcard } from './wildcard.ts';

/** Who may fetch what until when: the one statement of a policy. */
export interface AccessPolicy {
  /** A URL with wildcards. */
  readonly resource: string;
  readonly beforeMs: number;
  readonly afterMs: number | undefined;
  readonly addresses: BlockList | undefined;
}

/** @throws CloudFrontError MalformedPolicy */
export function parsePolicy(document: string): AccessPolicy {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    throw malformed();
  }
  const statements = child(parsed, 'Statement');
  if (!Array.isArray(statements) || statements.length !== 1) throw malformed();
  const statement: unknown = statements[0];
  const condition = child(statement, 'Condition');
  const before = epochTime(child(condition, 'DateLessThan'));
  if (before === undefined) throw malformed();
  const resource = child(statement, 'Resource') ?? '*';
  if (typeof resource !== 'string') throw malformed();
  return {
    resource,
    beforeMs: before,
    afterMs: epochTime(child(condition, 'DateGreaterThan')),
    addresses: parseAddresses(child(child(condition, 'IpAddress'), 'AWS:SourceIp')),
  };
}

/** Whether the policy lets this viewer fetch this URL now. */
export function allows(
  policy: AccessPolicy,
  request: { readonly url: string; readonly ip: string; readonly nowMs: number },
): boolean {
  if (request.nowMs >= policy.beforeMs) return false;
  if (policy.afterMs !== undefined && request.nowMs <= policy.afterMs) return false;
  if (policy.addresses?.check(request.ip, isIPv6(request.ip) ? 'ipv6' : 'ipv4') === false) return false;
  return matchesWildcard(policy.resource, request.url);
}

function parseAddresses(range: unknown): BlockList | undefined {
  if (range === undefined) return undefined;
  const match = typeof range === 'string' ? /^([\d.]+)(?:\/(\d{1,2}))?$/.exec(range) : null;
  if (match === null) throw malformed();
  const addresses = new BlockList();
  try {
    addresses.addSubnet(match[1] ?? '', Number(match[2] ?? 32));
  } catch {
    throw malformed();
  }
  return addresses;
}

function epochTime(condition: unknown): number | undefined {
  if (condition === undefined) return undefined;
  const seconds = child(condition, 'AWS:EpochTime');
  if (typeof seconds !== 'number') throw malformed();
  return seconds * 1000;
}

function child(parent: unknown, name: string): unknown {
  return typeof parent === 'object' && parent !== null ? (parent as Record<string, unknown>)[name] : undefined;
}

function malformed(): CloudFrontError {
  return new CloudFrontError(400, 'MalformedPolicy', 'Malformed Policy');
}
