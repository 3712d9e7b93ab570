import { describe, expect, it } from 'vitest';
import { decodeHeaderText, encodeHeaderText } from './header-text.ts';

describe('the text of header values', () => {
  it('survives the way out and back', () => {
    for (const text of ['plain', '', 'München 😀', 'line\nbreak'])
      expect(decodeHeaderText(encodeHeaderText(text))).toBe(text);
  });

  it('reads encoded words of both kinds, bytes of UTF-8, and else Latin-1', () => {
    expect(decodeHeaderText('=?UTF-8?B?TcO8bmNoZW4=?=')).toBe('München');
    expect(decodeHeaderText('=?utf-8?q?M=C3=BCnchen_=5F?=')).toBe('München _');
    expect(decodeHeaderText(Buffer.from('München').toString('latin1'))).toBe('München');
    expect(decodeHeaderText('M\u00fcnchen')).toBe('München');
  });
});
