/**
 * An example for each register operation, for docs/operations.md, run in CI.
 *
 * `ring` is a `Ring` of its own, `open(flags)` opens another one, `fd` is a file's descriptor,
 * `eventfd` that of an eventfd, and `run(fill)` fills an SQE, submits it, and returns the result of
 * its CQE.
 */

import assert from 'node:assert/strict';
import { Clock, Errno, Opcode, prepNop, prepRead, prepReadFixed, SqeFlag } from 'uring/ring';

export const registrations = {
  async BUFFERS({ ring, run, fd }) {
    const memory = Buffer.alloc(4096);
    ring.buffers.register([memory]);
    assert.equal(await run((sqe) => prepReadFixed(sqe, fd, ring.pin(memory), 4096, 0, 0)), 11);
  },
  async UNREGISTER_BUFFERS({ ring }) {
    ring.buffers.register([Buffer.alloc(4096)]);
    ring.buffers.unregister();
  },
  async FILES({ ring, run, fd }) {
    ring.files.register([fd]);
    const buffer = Buffer.alloc(64);
    const fill = (sqe) => {
      prepRead(sqe, 0, ring.pin(buffer), 64, 0);
      sqe.setFlags(SqeFlag.FIXED_FILE);
    };
    assert.equal(await run(fill), 11);
  },
  async UNREGISTER_FILES({ ring, fd }) {
    ring.files.register([fd]);
    ring.files.unregister();
  },
  async EVENTFD({ ring, eventfd }) {
    ring.settings.registerEventfd(eventfd);
  },
  async UNREGISTER_EVENTFD({ ring, eventfd }) {
    ring.settings.registerEventfd(eventfd);
    ring.settings.unregisterEventfd();
  },
  async FILES_UPDATE({ ring, fd }) {
    ring.files.registerSparse(8);
    assert.equal(ring.files.update(3, [fd]), 1);
  },
  async EVENTFD_ASYNC({ ring, eventfd }) {
    ring.settings.registerEventfdAsync(eventfd);
  },
  async PROBE({ ring }) {
    assert.ok(ring.probe().supports(Opcode.READ));
  },
  async PERSONALITY({ ring, run }) {
    const id = ring.settings.registerPersonality();
    const fill = (sqe) => {
      prepNop(sqe);
      sqe.setPersonality(id);
    };
    assert.equal(await run(fill), 0);
  },
  async UNREGISTER_PERSONALITY({ ring }) {
    ring.settings.unregisterPersonality(ring.settings.registerPersonality());
  },
  async RESTRICTIONS({ open }) {
    const restricted = open(['R_DISABLED']);
    restricted.settings.restrict({ operations: ['NOP'] });
    restricted.settings.enable();
    prepRead(restricted.getSqe(), 0, 0, 0, 0);
    restricted.submitAndWait(1);
    restricted.forEachCqe(({ res }) => assert.equal(res, -Errno.EACCES));
  },
  async ENABLE_RINGS({ open }) {
    open(['R_DISABLED']).settings.enable();
  },
  async FILES2({ ring, fd }) {
    // A completion with user data 7 says when the file is no longer used.
    ring.files.registerTagged([fd], [7]);
  },
  async FILES_UPDATE2({ ring, fd }) {
    ring.files.registerSparse(8);
    assert.equal(ring.files.updateTagged(0, [fd], [7]), 1);
  },
  async BUFFERS2({ ring }) {
    ring.buffers.registerTagged([Buffer.alloc(4096)], [7]);
  },
  async BUFFERS_UPDATE({ ring }) {
    ring.buffers.registerSparse(8);
    assert.equal(ring.buffers.update(0, [Buffer.alloc(4096)]), 1);
  },
  async IOWQ_AFF({ ring }) {
    ring.workers.setAffinity([0]);
  },
  async UNREGISTER_IOWQ_AFF({ ring }) {
    ring.workers.setAffinity([0]);
    ring.workers.clearAffinity();
  },
  async IOWQ_MAX_WORKERS({ ring }) {
    const before = ring.workers.setLimits({ bounded: 4 });
    assert.ok(before.bounded > 0);
  },
  async RING_FDS({ ring }) {
    assert.ok(ring.settings.registerRingFd() >= 0);
  },
  async UNREGISTER_RING_FDS({ ring }) {
    ring.settings.registerRingFd();
    ring.settings.unregisterRingFd();
  },
  async PBUF_RING({ ring }) {
    const buffers = ring.bufferRings.create({ group: 1, entries: 8, bufferSize: 4096 });
    assert.equal(buffers.available, 8);
  },
  async UNREGISTER_PBUF_RING({ ring }) {
    ring.bufferRings.create({ group: 1, entries: 8 }).release();
  },
  async SYNC_CANCEL({ ring }) {
    assert.throws(() => ring.cancelSync({ userData: 4711 }), { code: 'ENOENT' });
  },
  async FILE_ALLOC_RANGE({ ring }) {
    ring.files.registerSparse(64);
    // Slots that the kernel chooses itself are among these.
    ring.files.setAllocRange(32, 32);
  },
  async PBUF_STATUS({ ring }) {
    assert.equal(ring.bufferRings.create({ group: 1, entries: 8 }).head, 0);
  },
  async NAPI({ ring }) {
    ring.settings.registerNapi({ busyPollMicroseconds: 50, preferBusyPoll: true });
  },
  async UNREGISTER_NAPI({ ring }) {
    ring.settings.unregisterNapi();
  },
  async CLOCK({ ring }) {
    ring.settings.setClock(Clock.BOOTTIME);
  },
  async CLONE_BUFFERS({ ring, open }) {
    const other = open();
    other.buffers.register([Buffer.alloc(4096)]);
    ring.buffers.cloneFrom(other);
  },
  async SEND_MSG_RING({ ring, open }) {
    const other = open();
    ring.sendMessage(other.fd, 7, 42);
    other.forEachCqe(({ userData, res }) => assert.deepEqual([userData, res], [7, 42]));
  },
  /** Needs a network card that supports it. */
  async ZCRX_IFQ({ open }) {
    const { zeroCopy } = open(['SINGLE_ISSUER', 'DEFER_TASKRUN', 'CQE32']);
    const queue = { interfaceIndex: 1, receiveQueue: 0, entries: 64, area: Buffer.alloc(65536) };
    assert.throws(() => zeroCopy.registerQueue(queue));
  },
  async RESIZE_RINGS({ open }) {
    const ring = open(['SINGLE_ISSUER', 'DEFER_TASKRUN']);
    ring.settings.resize(256);
    assert.equal(ring.sq.entries, 256);
  },
  async MEM_REGION({ open }) {
    const ring = open(['R_DISABLED']);
    ring.settings.registerWaitRegion(4);
    ring.settings.setRegisteredWait(0, 1);
    ring.settings.enable();
    assert.throws(() => ring.submitAndWaitRegistered(1, 0), { code: 'ETIME' });
  },
  async QUERY({ ring }) {
    assert.ok(ring.query().opcodes > 60);
  },
  /** Needs a queue of `ZCRX_IFQ`. Since 6.19. */
  async ZCRX_CTRL({ ring }) {
    assert.throws(() => ring.zeroCopy.flush(0));
  },
};
