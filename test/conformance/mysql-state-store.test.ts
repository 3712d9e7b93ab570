import { createMysqlHarness } from './state-store-mysql-harness.ts';
import { describeStateStore } from './state-store-suite.ts';

describeStateStore('MySQL', () => createMysqlHarness());
