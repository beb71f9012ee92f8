/*
 * The load for the datagram benchmark.
 *
 *   datagram-load flood PORT BYTES SECONDS
 *       sends as many datagrams as it can, 64 in a system call
 *   datagram-load echo PORT BYTES SECONDS COUNT
 *       keeps COUNT datagrams in flight, and sends one for each that returns
 *   datagram-load sinks COUNT
 *       opens sockets that are never read; prints their ports, and waits for the end of its input
 *
 * `echo` prints how many datagrams returned per second. Lost datagrams are sent again after 10 ms
 * without any.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

static char data[64 * 1024];
static struct sockaddr_in target;

static int bound(void) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind");
  return fd;
}

static void flood(size_t bytes, double seconds) {
  int fd = bound();
  char control[CMSG_SPACE(2)] = {0};
  struct iovec vector = {data, 64 * bytes};
  struct msghdr message = {&target, sizeof target, &vector, 1, control, sizeof control, 0};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(2);
  *(unsigned short *)CMSG_DATA(header) = bytes;
  for (double end = now() + seconds; now() < end;)
    if (sendmsg(fd, &message, 0) < 0) die("sendmsg");
}

static void echo(size_t bytes, double seconds, int count) {
  int fd = bound(), size = 1 << 22;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (connect(fd, (struct sockaddr *)&target, sizeof target) < 0) die("connect");
  unsigned long long trips = 0;
  double start = now(), end = start + seconds;
  for (int i = 0; i < count; i++) send(fd, data, bytes, 0);
  while (now() < end) {
    struct pollfd polled = {fd, POLLIN, 0};
    if (poll(&polled, 1, 10) == 0)
      for (int i = 0; i < count; i++) send(fd, data, bytes, 0);
    while (recv(fd, data, sizeof data, MSG_DONTWAIT) >= 0) {
      trips++;
      send(fd, data, bytes, 0);
    }
  }
  printf("%.0f\n", trips / (now() - start));
}

static void sinks(int count) {
  for (int i = 0; i < count; i++) {
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    if (getsockname(bound(), (struct sockaddr *)&own, &length) < 0) die("getsockname");
    printf("%d%c", ntohs(own.sin_port), i < count - 1 ? ' ' : '\n');
  }
  fflush(stdout);
  while (getchar() != EOF) continue;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "sinks")) {
    sinks(atoi(argv[2]));
    return 0;
  }
  if (argc < 5) return 2;
  target.sin_family = AF_INET;
  target.sin_port = htons(atoi(argv[2]));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!strcmp(argv[1], "flood")) flood(atoi(argv[3]), atof(argv[4]));
  else if (argc == 6) echo(atoi(argv[3]), atof(argv[4]), atoi(argv[5]));
  return 0;
}
