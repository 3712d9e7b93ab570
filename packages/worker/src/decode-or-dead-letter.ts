import { errorFields } from '@object-transfer/core/domain/classify-error';
import { MessageError } from '@object-transfer/core/domain/errors';
import type { ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import type { Logger } from '@object-transfer/core/runtime/logger';

/** @returns what the message says; `undefined` for one that nobody can use, which is out of circulation then */
export async function decodeOrDeadLetter<T>(
  context: { readonly counters: { poisonMessages: number }; readonly logger: Logger },
  message: ReceivedMessage,
  decode: (data: string) => T,
): Promise<T | undefined> {
  try {
    return decode(message.data);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    if (await message.deadLetter(`${error.code}: ${error.message}`)) {
      context.counters.poisonMessages++;
      context.logger.error({ messageId: message.id, ...errorFields(error) }, 'a message nobody can use was set aside');
    }
    return undefined;
  }
}
