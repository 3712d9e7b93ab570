import { adapterBreaches } from './adapter-rules.ts';
import type { RuleBreach, RuleInput } from './rule-breach.ts';

/** What fields must satisfy together. */
export function breachedRules(input: RuleInput): readonly RuleBreach[] {
  return [...signingRules(input), ...orderRules(input), ...adapterBreaches(input)];
}

function signingRules({ settings, wasGiven }: RuleInput): readonly RuleBreach[] {
  const breaches: RuleBreach[] = [];
  const bySecret = wasGiven('urlSignerPrivateKeySecretId');
  const byFile = wasGiven('urlSignerPrivateKeyFile');
  const byId = wasGiven('urlSignerKeyPairId');
  if (bySecret && byFile) {
    breaches.push({
      key: 'urlSignerPrivateKeyFile',
      problem: 'cannot be given together with url_signer_private_key_secret_id',
    });
  }
  const demanded = settings.cdnAuth === 'signed';
  if (!demanded && (wasGiven('cdnAuth') || !(bySecret || byFile || byId))) return breaches;
  const because = demanded ? 'cdn_auth is signed' : 'signed URLs need both the key and its id';
  if (!byId) breaches.push({ key: 'urlSignerKeyPairId', problem: `is missing: ${because}` });
  if (!bySecret && !byFile) {
    breaches.push({
      key: 'urlSignerPrivateKeySecretId',
      problem: `is missing, or url_signer_private_key_file: ${because}`,
    });
  }
  return breaches;
}

function orderRules({ settings, wasGiven }: RuleInput): readonly RuleBreach[] {
  const breaches: RuleBreach[] = [];
  const { lastModifiedAfter, lastModifiedBefore, partSizeBytes, parallelFromBytes } = settings;
  if (lastModifiedAfter !== undefined && lastModifiedBefore !== undefined && lastModifiedAfter >= lastModifiedBefore) {
    breaches.push({ key: 'lastModifiedAfter', problem: 'must be earlier than last_modified_before' });
  }
  // Either of the defaults gives way to what was asked for.
  if (
    wasGiven('partSizeBytes') &&
    wasGiven('parallelFromBytes') &&
    partSizeBytes !== undefined &&
    parallelFromBytes !== undefined &&
    partSizeBytes > parallelFromBytes
  ) {
    breaches.push({ key: 'partSizeBytes', problem: 'must not be larger than parallel_from_mib' });
  }
  // The default of initial_concurrency gives way to a smaller max_concurrency; a value that was asked for does not.
  const { initialConcurrency, maxConcurrency } = settings;
  if (
    wasGiven('initialConcurrency') &&
    initialConcurrency !== undefined &&
    maxConcurrency !== undefined &&
    initialConcurrency > maxConcurrency
  ) {
    breaches.push({ key: 'initialConcurrency', problem: 'must not be larger than max_concurrency' });
  }
  return breaches;
}
