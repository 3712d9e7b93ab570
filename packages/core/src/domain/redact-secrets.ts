const REDACTED = '[redacted]';

/** Shorter ones are no secrets but the likes of `local`, which would turn up in file names. */
const MIN_SECRET_LENGTH = 8;

/** Up to the end of a value in a query, a header, JSON or markup. */
const VALUE = String.raw`[^&\s"'<>,;\\]+`;

/** Fields of JSON and of forms in which OAuth carries what nobody else may know. */
const OAUTH_FIELDS = 'access_token|refresh_token|id_token|subject_token|client_secret|assertion|private_key';

/**
 * What gives itself away by its form: private keys, tokens of Google and of OAuth, key ids of AWS, and what stands in
 * headers, in signed URLs, in upload sessions and in the URLs of proxies. What stands before a secret and is to stay is captured: to
 * look behind would take time by the square of the blanks in between.
 */
const SECRET_PATTERNS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[^])*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g,
  /\bya29\.[\w.-]+/g,
  /\b1\/\/0[\w-]{16,}/g,
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /\b((?:Bearer\s+)+)[\w.~+/=-]+/gi,
  /\b(Authorization"?\s*[:=]\s*"?(?:Basic\s+)+)[\w+/=-]+/gi,
  new RegExp(
    String.raw`\b((?:(?:X-Amz-|X-Goog-)?(?:Signature|Credential)|X-Amz-Security-Token|upload_id|${OAUTH_FIELDS})=)${VALUE}`,
    'gi',
  ),
  // CloudFront's: the words alone are common ones.
  /\b((?:Policy|Key-Pair-Id)=)[\w~-]{8,}/g,
  /\b(X-Amz-Security-Token"?\s*:\s*"?)[^\s"'<>,]+/gi,
  new RegExp(String.raw`("(?:${OAUTH_FIELDS})\\?"\s*:\s*\\?")(?:[^"\\]|\\+[^"\\])+`, 'gi'),
  /(:\/\/)[^\s/@:]*:[^\s/@]+(?=@)/g,
];

/**
 * A text without the secrets in it: what other programs and servers say may repeat what they were sent.
 * @param known secret values, for those that cannot be told by their form
 */
export function redactSecrets(text: string, known: readonly string[] = []): string {
  let redacted = text;
  for (const secret of known) {
    if (secret.length >= MIN_SECRET_LENGTH) redacted = redacted.replaceAll(secret, REDACTED);
  }
  for (const pattern of SECRET_PATTERNS) redacted = redacted.replaceAll(pattern, hideAllButLead);
  return redacted;
}

/** @param lead what was captured before the secret; the offset, a number, where the pattern captures nothing */
function hideAllButLead(_: string, lead: string | number): string {
  return (typeof lead === 'string' ? lead : '') + REDACTED;
}
