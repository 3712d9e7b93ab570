import { decodeXmlText } from './xml-text.ts';

/** What an error body of S3 or CloudFront says. All fields are absent where it is no such body (HEAD, HTML). */
export interface S3ErrorBody {
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** S3 always gives one; CloudFront's own refusals have none. */
  readonly requestId: string | undefined;
  /** The region where the bucket is, where the request went to another. */
  readonly region: string | undefined;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export function parseS3ErrorBody(text: string): S3ErrorBody {
  const element = (name: string): string | undefined => {
    const match = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text);
    return match?.[1] === undefined ? undefined : decodeXmlText(match[1]);
  };
  return {
    code: element('Code'),
    message: element('Message'),
    requestId: element('RequestId'),
    region: element('Region'),
  };
}
