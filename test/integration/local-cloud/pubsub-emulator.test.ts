import { findEmulator, startEmulator } from '../../services/google-emulator.ts';
import { describePubsub } from './pubsub-suite.ts';

// What is asked of our server is asked of Google's, so that ours is held to the real thing.
describePubsub("Google's emulator", () => startEmulator('pubsub'), findEmulator('pubsub').missing);
