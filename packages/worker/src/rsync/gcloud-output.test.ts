import { describe, expect, it } from 'vitest';
import { OutputTail } from './gcloud-output.ts';

function tailOf(...chunks: readonly string[]): OutputTail {
  const tail = new OutputTail();
  for (const chunk of chunks) tail.add(Buffer.from(chunk));
  return tail;
}

describe('the tail of an output', () => {
  it('is all of it where it is short', () => {
    expect(tailOf('ERROR: a\n', 'ERROR: ä\n').text([])).toBe('ERROR: a\nERROR: ä');
  });

  it('is bounded, and begins with a whole word', () => {
    const words = Array.from({ length: 10_000 }, (_, index) => `word${index}`);
    const text = tailOf(...words.map((word) => `${word} `)).text([]);
    expect(text.length).toBeLessThanOrEqual(8 * 1024);
    expect(text.length).toBeGreaterThan(8_000);
    expect(words.slice(-100).join(' ')).toBe(text.split(' ').slice(-100).join(' '));
    expect(words).toContain(text.split(' ')[0]);
  });

  it('shows no secret, also where it came in two chunks or lost its start', () => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    expect(tailOf(`key=${secret.slice(0, 9)}`, `${secret.slice(9)} bad`).text([secret])).toBe('key=[redacted] bad');
    const cut = tailOf(`${secret} ${'x'.repeat(8 * 1024 - 11)} end`).text([secret]);
    expect(cut).not.toContain('EXAMPLEKEY');
    expect(cut.endsWith(' end')).toBe(true);
  });

  it.each([
    ['ya29.a0AfH6SMBx-y_z', '[redacted]'],
    ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['Authorization: Bearer abc.def-123', 'Authorization: Bearer [redacted]'],
    ['https://h/k?X-Amz-Signature=0a1b2c&x=1', 'https://h/k?X-Amz-Signature=[redacted]&x=1'],
    ['http://me:pass@proxy:3128/', 'http://[redacted]@proxy:3128/'],
  ])('hides what looks like a credential: %s', (text, shown) => {
    expect(tailOf(text).text([])).toBe(shown);
  });

  it('leaves out control characters, but not line breaks', () => {
    expect(tailOf('a\u001B[2K\r\nb\0c').text([])).toBe('a[2K\nbc');
  });

  it('does not take a short value for a secret', () => {
    expect(tailOf('local files').text(['local', ''])).toBe('local files');
  });
});
