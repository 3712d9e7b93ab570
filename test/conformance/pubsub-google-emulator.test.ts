import { afterAll, beforeAll, describe } from 'vitest';
import { findEmulator, type RunningEmulator, startEmulator } from '../services/google-emulator.ts';
import { describeMessageQueue } from './message-queue-suite.ts';
import { createPubsubHarness } from './pubsub-harness.ts';

const { missing } = findEmulator('pubsub');

describe.skipIf(missing !== undefined)(`on loopback${missing === undefined ? '' : ` (${missing})`}`, () => {
  let emulator: RunningEmulator;

  beforeAll(async () => {
    emulator = await startEmulator('pubsub');
  });

  afterAll(() => emulator.close());

  describeMessageQueue("Google's Pub/Sub emulator", () => createPubsubHarness(emulator));
});
