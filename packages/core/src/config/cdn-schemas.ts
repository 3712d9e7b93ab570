import type { z } from 'zod';
import { text } from './value-schemas.ts';

/**
 * `cloudfront_url_host_pre`: what stands before the encoded key in every CDN URL, kept exactly as given. The message
 * never repeats the value: somebody may have pasted a signed URL.
 */
export const cdnUrlPrefix: z.ZodType<string> = text.superRefine((value, context) => {
  const problem = urlProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function urlProblem(value: string): string | undefined {
  const wanted = 'must be an absolute URL like https://d111111abcdef8.cloudfront.net/';
  if (!/^https?:\/\//i.test(value)) {
    return value.includes('://') ? `${wanted}, with http or https` : `${wanted}, with the https:// in front`;
  }
  // The URL parser forgives white space, backslashes and a host after three slashes; a raw path does not.
  if (/[\s\\]/.test(value) || /^\w+:\/\/\//.test(value) || !URL.canParse(value)) return wanted;
  if (/[?#]/.test(value)) return `${wanted}, without a query (?) and a fragment (#)`;
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return `${wanted}, without a user name or password`;
  return undefined;
}

/** Keys are put right behind the prefix: a path without its last slash glues both together. */
export function warnOfMissingSlash(value: string): string | undefined {
  const path = value.slice(value.indexOf('://') + 3);
  return path.includes('/') && !path.endsWith('/')
    ? 'has a path that does not end in a slash: keys are put right behind it'
    : undefined;
}
