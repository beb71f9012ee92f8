/**
 * Messages between engines: `IORING_OP_MSG_RING`.
 *
 * A mailbox is a timeout that does not expire, seen as a multishot operation: a message is one more
 * completion with its user data, posted by the sender, with the flag that others may follow.
 *
 * @module
 */

import { prepMsgRing, prepTimeout } from '../../ops/index.js';
import { CqeFlag, MsgRingFlag } from '../../ring/index.js';
import { checkFd, checkInteger, checkOptions, checkUint32, invalidArgType } from '../../validate.js';
import { checkRunOptions } from './arguments.js';
import { MultishotIterator } from './multishot.js';
import { type Engine, Operation, type RunOptions } from './operation.js';

/** Where to send a message to. A plain object, for `postMessage`. */
export interface MailboxAddress {
  /** The descriptor of the receiving ring. */
  readonly ring: number;
  /** Identifies the mailbox there. */
  readonly id: number;
  /** Identifies the mailbox among those that have had the same id. */
  readonly generation: number;
}

/** Some hundred years. */
const NEVER_MS = 1e13;

/**
 * Receives messages that engines of this process send, as an async iterator. Created by
 * `uring.mailbox()`. It is left by `break`, or closed by `return()`; messages that are sent to it
 * later are lost.
 */
export class Mailbox extends MultishotIterator<number> {
  /** Where to send messages to. */
  readonly address: MailboxAddress;

  /** @internal */
  constructor(engine: Engine, options: Pick<RunOptions, 'signal'>) {
    checkOptions(options, ['signal']);
    super(
      engine,
      {
        name: 'TIMEOUT',
        encode: (sqe, scope) => prepTimeout(sqe, scope.timespec(NEVER_MS)),
        decode: (res) => ({ value: res }),
        isUnbounded: true,
      },
      options,
    );
    this.arm();
    const { core } = engine;
    this.address = { ring: core.ring.fd, id: this.id, generation: this.id < 0 ? 0 : core.operations.generation(this.id) };
  }
}

/**
 * Sends a number to a mailbox of another engine, which may be another thread's.
 * `io_uring_prep_msg_ring_cqe_flags`. Since 6.3.
 *
 * It has arrived when the promise resolves, and the receiver is told at its next turn. A mailbox
 * that was closed loses the message.
 *
 * @param address the mailbox's `address`.
 * @param value 0 to 2 ** 31 - 1.
 * @throws UringError EBADF, EBADFD when the receiving ring was closed; EINVAL before 6.3.
 *
 * @example
 * ```ts
 * // A worker tells the main thread which slot of a shared buffer is full.
 * await uring.message(workerData.address, slot);
 * ```
 */
export function message(address: MailboxAddress, value: number, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  if (typeof address !== 'object' || address === null) throw invalidArgType('address', 'an address of a mailbox', address);
  const { ring, id, generation } = address;
  checkFd('address.ring', ring);
  checkUint32('address.id', id);
  checkUint32('address.generation', generation);
  checkInteger('value', value, 0, 0x7fff_ffff);
  const token = (BigInt(generation) << 32n) | BigInt(id);
  return new Operation('MSG_RING', options, {
    encode: (sqe) => prepMsgRing(sqe, ring, value, token, MsgRingFlag.FLAGS_PASS, CqeFlag.MORE),
    decode: () => undefined,
  });
}
