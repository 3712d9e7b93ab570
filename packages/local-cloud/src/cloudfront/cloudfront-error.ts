/**
 * An error that CloudFront answers itself. Codes and messages are those seen from the service; only some are documented:
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-troubleshooting.html
 */
export class CloudFrontError extends Error {
  override readonly name = 'CloudFrontError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function accessDenied(): CloudFrontError {
  return new CloudFrontError(403, 'AccessDenied', 'Access denied');
}
