import { expect, test } from 'vitest';
import { splitUrl } from './http-pool.ts';

test('the path of a URL is left as it is', () => {
  expect(splitUrl('https://cdn.example:8443/a//../%41/./', 'the URL')).toEqual({
    scheme: 'https',
    origin: 'https://cdn.example:8443',
    host: 'cdn.example:8443',
    path: '/a//../%41/./',
  });
});

test('the host is what a Host header says', () => {
  expect(splitUrl('HTTPS://CDN.example:443', 'the URL')).toMatchObject({
    scheme: 'https',
    host: 'cdn.example',
    path: '',
  });
  expect(splitUrl('http://[::1]:80/', 'the URL')).toMatchObject({ host: '[::1]' });
});

test.each([
  'cdn.example',
  '//cdn.example/',
  'ftp://cdn.example/',
  'https://cdn.example/?Signature=secret',
  'https://cdn.example/#secret',
  'https://user:secret@cdn.example/',
  'https://cdn.example/with space/',
  'https://cdn.example/ü/',
  'https://cdn.example:port/',
])('%j is refused, and not repeated', (url) => {
  const split = () => splitUrl(url, 'the_setting');
  expect(split).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(split).toThrow(/the_setting/);
  expect(split).not.toThrow(/secret|example/);
});
