/*
 * The load of the socket benchmarks: round trips over many connections, from one thread on epoll.
 *
 *   net-load echo PORT CONNECTIONS BYTES SECONDS
 *       each connection sends, waits until all of it has returned, and sends again
 *   net-load connect PORT CONNECTIONS BYTES SECONDS
 *       each connects, makes one round trip, closes, and connects again
 *   net-load http PORT CONNECTIONS BYTES SECONDS
 *       as echo, with GET requests: for /, or for /BYTES
 *   net-load post PORT CONNECTIONS BYTES SECONDS
 *       as echo, with POST requests that carry this many bytes
 *   net-load send PORT CONNECTIONS BYTES SECONDS
 *       sends BYTES in total, over one connection, and waits for a response of one byte
 *   net-load idle PORT CONNECTIONS BYTES SECONDS
 *       each makes one round trip; then it prints a line, and waits for the end of its input
 *
 * Two more arguments may follow. The first is the number of requests that each connection sends at
 * once (default 1; a round trip is all of them). The second is the number of round trips per
 * second, to be started whether or not the responses have arrived (an open loop: if the server is
 * late, the delay counts as time of the next round trip). Its default is 0: as many as possible.
 *
 * Prints the number of requests (or bytes) per second, and the 50th and 99th percentile of the
 * round-trip times in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define BUCKETS 100000

struct connection {
  int fd;
  size_t received;
  double start;
  /* In an open loop: when the next round trip is due, and whether one is in progress. */
  double due;
  int busy;
};

static char *payload;
static size_t size;
static size_t answer;
static struct sockaddr_in target;
static unsigned histogram[BUCKETS];
static unsigned long long trips;

/*
 * Blocks while the server does not read. This is safe as long as no response arrives before the
 * whole request has been sent.
 */
static void say(struct connection *c, double start) {
  c->received = 0;
  c->start = start;
  c->busy = 1;
  for (size_t sent = 0; sent < size;) {
    ssize_t one = send(c->fd, payload + sent, size - sent, MSG_NOSIGNAL);
    if (one < 0) die("send");
    sent += one;
  }
}

static void dial(struct connection *c) {
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) die("socket");
  if (connect(c->fd, (struct sockaddr *)&target, sizeof target) < 0) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void watch(int epoll, struct connection *c) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
}

static void count(double seconds) {
  size_t microseconds = (size_t)(seconds * 1e6);
  histogram[microseconds < BUCKETS ? microseconds : BUCKETS - 1]++;
  trips++;
}

static size_t percentile(double part) {
  unsigned long long wanted = (unsigned long long)(part * trips), seen = 0;
  for (size_t i = 0; i < BUCKETS; i++)
    if ((seen += histogram[i]) > wanted) return i;
  return BUCKETS;
}

static int stream(void) {
  static char piece[256 * 1024];
  struct connection c;
  dial(&c);
  double start = now();
  for (size_t left = size; left > 0;) {
    ssize_t sent = send(c.fd, piece, left < sizeof piece ? left : sizeof piece, MSG_NOSIGNAL);
    if (sent < 0) die("send");
    left -= sent;
  }
  shutdown(c.fd, SHUT_WR);
  if (recv(c.fd, piece, 1, 0) != 1) die("recv");
  printf("%.0f 0 0\n", size / (now() - start));
  return 0;
}

/*
 * Builds a request, and sends it once to find out the length of a response, which is always the
 * same.
 */
static void ask(int post) {
  static char buffer[65536], path[32] = "";
  struct connection c;
  size_t bytes = size;
  if (!post && bytes) snprintf(path, sizeof path, "%zu", bytes);
  payload = calloc(1, 256 + (post ? bytes : 0));
  size = post ? sprintf(payload, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", bytes) + bytes
              : (size_t)sprintf(payload, "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  dial(&c);
  say(&c, now());
  char *end = NULL, *length = NULL;
  while (!end) {
    ssize_t got = recv(c.fd, buffer + c.received, sizeof buffer - 1 - c.received, 0);
    if (got <= 0) die("recv");
    c.received += got;
    end = strstr(buffer, "\r\n\r\n");
  }
  length = strcasestr(buffer, "content-length:");
  if (!length) die("content-length");
  answer = end + 4 - buffer + strtoul(length + 15, NULL, 10);
  close(c.fd);
}

/* Repeats the request DEPTH times, back to back. */
static void repeat(int depth) {
  char *all = malloc(size * depth);
  for (int i = 0; i < depth; i++) memcpy(all + i * size, payload, size);
  payload = all;
  size *= depth;
  answer *= depth;
}

int main(int argc, char **argv) {
  if (argc < 6 || argc > 8) {
    fprintf(stderr, "usage: net-load echo|connect|http|post|send|idle PORT CONNECTIONS BYTES SECONDS [DEPTH [RATE]]\n");
    return 2;
  }
  int reconnect = !strcmp(argv[1], "connect");
  int connections = atoi(argv[3]);
  double duration = atof(argv[5]);
  int depth = argc > 6 ? atoi(argv[6]) : 1;
  double rate = argc > 7 ? atof(argv[7]) : 0;
  size = strtoull(argv[4], NULL, 10);
  target.sin_family = AF_INET;
  target.sin_port = htons(atoi(argv[2]));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!strcmp(argv[1], "send")) return stream();
  payload = calloc(1, size);
  answer = size;
  if (!strcmp(argv[1], "http")) ask(0);
  if (!strcmp(argv[1], "post")) ask(1);
  repeat(depth);
  char *sink = malloc(answer);
  struct connection *all = calloc(connections, sizeof *all);
  int epoll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    dial(&all[i]);
    watch(epoll, &all[i]);
  }
  double first = now();
  for (int i = 0; i < connections; i++) {
    all[i].due = first + (rate ? i / rate : 0);
    if (!rate) say(&all[i], now());
  }
  if (!strcmp(argv[1], "idle")) {
    for (int i = 0; i < connections; i++)
      if (recv(all[i].fd, sink, size, MSG_WAITALL) != (ssize_t)size) die("recv");
    puts("idle");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
  }
  double start = now(), warm = start + duration / 5, end = warm + duration;
  struct epoll_event events[256];
  for (double t = start; t < end; t = now()) {
    if (t < warm) {
      trips = 0;
      memset(histogram, 0, sizeof histogram);
      start = t;
    }
    if (rate) {
      for (int i = 0; i < connections; i++) {
        struct connection *c = &all[i];
        if (c->busy || c->due > t) continue;
        say(c, c->due);
        c->due += connections / rate;
      }
    }
    int ready = epoll_wait(epoll, events, 256, rate ? 0 : 1000);
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      ssize_t got = recv(c->fd, sink, answer, 0);
      if (got <= 0) die("recv");
      if ((c->received += got) < answer) continue;
      count(now() - c->start);
      c->busy = 0;
      if (rate) continue;
      if (reconnect) {
        /* Reset the connection: otherwise sockets in TIME_WAIT would soon use up all ports. */
        struct linger none = {1, 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(c->fd);
        dial(c);
        watch(epoll, c);
      }
      say(c, now());
    }
  }
  printf("%.0f %zu %zu\n", depth * trips / (now() - start), percentile(0.5), percentile(0.99));
  return 0;
}
