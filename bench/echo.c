/*
 * The baseline of the socket benchmarks: an echo server on liburing, with multishot accept,
 * multishot receive over a ring of provided buffers, and DEFER_TASKRUN. Prints its port, and serves
 * until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFERS 1024
#define BUFFER_SIZE 16384

enum { ACCEPT, RECV, SEND, CLOSE };

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory;

static struct io_uring_sqe *next(int kind, int fd, int buffer) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
  if (!sqe) {
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
  }
  io_uring_sqe_set_data64(sqe, (unsigned long long)kind << 56 | (unsigned long long)buffer << 32 | (unsigned)fd);
  return sqe;
}

/* Preparing clears the user data, so it is set again. */
#define PREPARE(kind, fd, buffer, call)                                     \
  do {                                                                      \
    struct io_uring_sqe *sqe = next(kind, fd, buffer);                      \
    unsigned long long data = sqe->user_data;                               \
    call;                                                                   \
    io_uring_sqe_set_data64(sqe, data);                                     \
  } while (0)

static void arm(int fd) {
  PREPARE(RECV, fd, 0, {
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
  });
}

static void provide(int id) {
  io_uring_buf_ring_add(buffers, memory + (size_t)id * BUFFER_SIZE, BUFFER_SIZE, id, io_uring_buf_ring_mask(BUFFERS), 0);
  io_uring_buf_ring_advance(buffers, 1);
}

int main(void) {
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                   .cq_entries = 8192};
  int one = 1;
  if (io_uring_queue_init_params(1024, &ring, &params) < 0) return 1;
  buffers = aligned_alloc(4096, BUFFERS * sizeof(struct io_uring_buf));
  memory = aligned_alloc(4096, (size_t)BUFFERS * BUFFER_SIZE);
  if (!buffers || !memory) return 1;
  struct io_uring_buf_reg group = {.ring_addr = (unsigned long)buffers, .ring_entries = BUFFERS};
  if (io_uring_register_buf_ring(&ring, &group, 0) < 0) return 1;
  io_uring_buf_ring_init(buffers);
  for (int i = 0; i < BUFFERS; i++) provide(i);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 511) < 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  PREPARE(ACCEPT, listener, 0, io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0));
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      seen++;
      int fd = (int)(cqe->user_data & 0xffffffff), id = (int)(cqe->user_data >> 32 & 0xffff);
      switch (cqe->user_data >> 56) {
        case ACCEPT:
          if (cqe->res >= 0) arm(cqe->res);
          break;
        case RECV:
          if (cqe->res > 0) {
            int buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
            PREPARE(SEND, fd, buffer,
                    io_uring_prep_send(sqe, fd, memory + (size_t)buffer * BUFFER_SIZE, cqe->res, MSG_NOSIGNAL | MSG_WAITALL));
            if (!(cqe->flags & IORING_CQE_F_MORE)) arm(fd);
          } else if (cqe->res == -ENOBUFS) {
            arm(fd);
          } else {
            PREPARE(CLOSE, fd, 0, io_uring_prep_close(sqe, fd));
          }
          break;
        case SEND:
          provide(id);
          break;
      }
    }
    io_uring_cq_advance(&ring, seen);
  }
}
