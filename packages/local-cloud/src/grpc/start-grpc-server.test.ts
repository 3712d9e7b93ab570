import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { CallFaults } from './call-faults.ts';
import { GrpcError } from './grpc-error.ts';
import { loadServices } from './load-service.ts';
import { startGrpcServer, type RunningGrpcServer } from './start-grpc-server.ts';
import { unaryMethods, type UnaryMethod } from './unary-methods.ts';

const [definition = {}] = loadServices({ name: '@google-cloud/pubsub' }, ['google.pubsub.v1.Publisher']);
const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function serve(methods: Record<string, UnaryMethod>, faults = new CallFaults()): Promise<RunningGrpcServer> {
  const implementation = unaryMethods(methods, (method) => faults.check(method));
  const server = await startGrpcServer([{ definition, implementation }]);
  cleanUps.push(() => server.close());
  return server;
}

function call(server: RunningGrpcServer, name: string, request: object): Promise<unknown> {
  const method = definition[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  const client = new Client(server.host, credentials.createInsecure());
  cleanUps.push(() => client.close());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error: ServiceError | null, answer?: unknown) => (error === null ? resolve(answer) : reject(error)),
    );
  });
}

it('gives a method its request with every field and answers what it returns', async () => {
  const seen: unknown[] = [];
  const server = await serve({
    GetTopic: (request) => {
      seen.push(request);
      return { name: 'answered', messageRetentionDuration: { seconds: 600 } };
    },
  });
  const answer = await call(server, 'GetTopic', {});
  expect(seen).toEqual([{ topic: '' }]);
  expect(answer).toMatchObject({
    name: 'answered',
    labels: {},
    messageRetentionDuration: { seconds: '600' },
    messageStoragePolicy: null,
  });
});

it('ends a call with the status that is thrown, and with INTERNAL where something else is', async () => {
  const server = await serve({
    GetTopic: () => {
      throw new GrpcError(status.NOT_FOUND, 'Resource not found (resource=t).');
    },
    DeleteTopic: () => Promise.reject(new RangeError('a defect')),
  });
  await expect(call(server, 'GetTopic', {})).rejects.toMatchObject({
    code: status.NOT_FOUND,
    details: 'Resource not found (resource=t).',
  });
  await expect(call(server, 'DeleteTopic', {})).rejects.toMatchObject({
    code: status.INTERNAL,
    details: 'RangeError: a defect',
  });
});

it('answers UNIMPLEMENTED for what the service does not offer', async () => {
  const server = await serve({});
  await expect(call(server, 'ListTopics', {})).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});

it('refuses as many calls as it was asked to', async () => {
  const faults = new CallFaults();
  const server = await serve({ GetTopic: () => ({}) }, faults);
  faults.refuse('GetTopic', { code: status.UNAVAILABLE, times: 2 });
  await expect(call(server, 'GetTopic', {})).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(call(server, 'GetTopic', {})).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await call(server, 'GetTopic', {});
  faults.refuse('GetTopic', { code: status.INTERNAL, details: 'asked for' });
  await expect(call(server, 'GetTopic', {})).rejects.toMatchObject({ code: status.INTERNAL, details: 'asked for' });
  faults.allow('GetTopic');
  await call(server, 'GetTopic', {});
});

it('breaks open calls off on request, and takes new ones', async () => {
  const entered = Promise.withResolvers<void>();
  const server = await serve({
    GetTopic: () => {
      entered.resolve();
      return new Promise(() => {});
    },
    DeleteTopic: () => ({}),
  });
  const open = call(server, 'GetTopic', {});
  await entered.promise;
  server.dropConnections();
  await expect(open).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await call(server, 'DeleteTopic', {});
});

it('breaks open calls off when it closes, and frees the port', async () => {
  const entered = Promise.withResolvers<void>();
  const server = await startGrpcServer([
    {
      definition,
      implementation: unaryMethods(
        {
          GetTopic: () => {
            entered.resolve();
            return new Promise(() => {});
          },
        },
        () => undefined,
      ),
    },
  ]);
  const open = call(server, 'GetTopic', {});
  await entered.promise;
  const [broken] = await Promise.allSettled([open, server.close()]);
  expect(broken).toMatchObject({ status: 'rejected', reason: { code: status.UNAVAILABLE } });
  const again = await startGrpcServer([{ definition, implementation: {} }], { port: server.port });
  await again.close();
});

it('does not share a port that is taken', async () => {
  const server = await serve({});
  await expect(startGrpcServer([], { port: server.port })).rejects.toThrow('EADDRINUSE');
});
