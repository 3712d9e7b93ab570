import { expect, it } from 'vitest';
import { toMysqlServer } from './mysql-server.ts';

it.each([
  ['5.7.36-google-log', false],
  ['8.0.36', true],
  ['8.4.2-commercial', true],
  ['10.6.21-MariaDB-log', true],
  ['11.8.2-MariaDB-ubu2404', true],
])('knows what %s can do', (version, skipsLocked) => {
  expect(toMysqlServer(version)).toEqual({ version, skipsLocked });
});

it.each(['5.6.51', '5.5.68-MariaDB', '10.5.29-MariaDB', 'unknown'])('refuses %s', (version) => {
  expect(() => toMysqlServer(version)).toThrow(expect.objectContaining({ code: 'CONFIG_STATE_INCOMPATIBLE' }));
});
