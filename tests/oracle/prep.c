/*
 * The oracle of the encoders: prints what liburing's own io_uring_prep_* functions write, for three sets of arguments each.
 * Output: one line a case, "NAME SET HEX", HEX being the SQE's 64 bytes.
 *
 * The sets are those of tests/unit/encoders.test.ts.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <stdio.h>
#include <string.h>

static const int FD[] = { 3, 1000, 0x7fffffff };
static const int FD2[] = { 4, 77, 0 };
static const unsigned long long ADDR[] = { 0x1000, 0x7f1234567890, 0x7fffffffffff };
static const unsigned long long ADDR2[] = { 0x2008, 0x7e0000000010, 0x1 };
static const unsigned LEN[] = { 1, 4096, 0x7fffffff };
static const unsigned SMALL[] = { 0, 5, 1024 };
static const unsigned long long OFF[] = { 0, 123456789012ULL, 0x1fffffffffffffULL };
static const unsigned FLAGS[] = { 0, 5, 0x40000001 };
static const unsigned long long DATA[] = { 1, 0x123456789abcULL, 0xfffffffffffffffeULL };
static const unsigned U16[] = { 0, 7, 65535 };
static const unsigned SLOT[] = { 0, 9, 65534 };

#define P(x) ((void *)(unsigned long)(x))
#define CASE(name, call)                                                                  \
	for (int v = 0; v < 3; v++) {                                                     \
		struct io_uring_sqe sqe_, *sqe = &sqe_;                                   \
		memset(sqe, 0, sizeof(*sqe));                                             \
		call;                                                                     \
		printf("%s %d ", name, v);                                                \
		for (unsigned i = 0; i < sizeof(*sqe); i++)                               \
			printf("%02x", ((unsigned char *)sqe)[i]);                        \
		printf("\n");                                                             \
	}

int main(void)
{
	CASE("nop", io_uring_prep_nop(sqe));
	CASE("readv", io_uring_prep_readv2(sqe, FD[v], P(ADDR[v]), SMALL[v], OFF[v], FLAGS[v]));
	CASE("writev", io_uring_prep_writev2(sqe, FD[v], P(ADDR[v]), SMALL[v], OFF[v], FLAGS[v]));
	CASE("read", io_uring_prep_read(sqe, FD[v], P(ADDR[v]), LEN[v], OFF[v]));
	CASE("read-current", io_uring_prep_read(sqe, FD[v], P(ADDR[v]), LEN[v], -1));
	CASE("write", io_uring_prep_write(sqe, FD[v], P(ADDR[v]), LEN[v], OFF[v]));
	CASE("read_fixed", io_uring_prep_read_fixed(sqe, FD[v], P(ADDR[v]), LEN[v], OFF[v], U16[v]));
	CASE("write_fixed", io_uring_prep_write_fixed(sqe, FD[v], P(ADDR[v]), LEN[v], OFF[v], U16[v]));
	CASE("fsync", io_uring_prep_fsync(sqe, FD[v], FLAGS[v]));
	CASE("poll_add", io_uring_prep_poll_add(sqe, FD[v], FLAGS[v]));
	CASE("poll_multishot", io_uring_prep_poll_multishot(sqe, FD[v], FLAGS[v]));
	CASE("poll_remove", io_uring_prep_poll_remove(sqe, DATA[v]));
	CASE("poll_update", io_uring_prep_poll_update(sqe, DATA[v], OFF[v], FLAGS[v], SMALL[v]));
	CASE("sync_file_range", io_uring_prep_sync_file_range(sqe, FD[v], LEN[v], OFF[v], FLAGS[v]));
	CASE("sendmsg", io_uring_prep_sendmsg(sqe, FD[v], P(ADDR[v]), FLAGS[v]));
	CASE("sendmsg_zc", io_uring_prep_sendmsg_zc(sqe, FD[v], P(ADDR[v]), FLAGS[v]));
	CASE("recvmsg", io_uring_prep_recvmsg(sqe, FD[v], P(ADDR[v]), FLAGS[v]));
	CASE("recvmsg_multishot", io_uring_prep_recvmsg_multishot(sqe, FD[v], P(ADDR[v]), FLAGS[v]));
	CASE("timeout", io_uring_prep_timeout(sqe, P(ADDR[v]), LEN[v], FLAGS[v]));
	CASE("timeout_remove", io_uring_prep_timeout_remove(sqe, DATA[v], FLAGS[v]));
	CASE("timeout_update", io_uring_prep_timeout_update(sqe, P(ADDR[v]), DATA[v], FLAGS[v]));
	CASE("link_timeout", io_uring_prep_link_timeout(sqe, P(ADDR[v]), FLAGS[v]));
	CASE("accept", io_uring_prep_accept(sqe, FD[v], P(ADDR[v]), P(ADDR2[v]), FLAGS[v]));
	CASE("accept_direct", io_uring_prep_accept_direct(sqe, FD[v], P(ADDR[v]), P(ADDR2[v]), FLAGS[v], SLOT[v]));
	CASE("multishot_accept", io_uring_prep_multishot_accept(sqe, FD[v], NULL, NULL, FLAGS[v]));
	CASE("multishot_accept_direct", io_uring_prep_multishot_accept_direct(sqe, FD[v], NULL, NULL, FLAGS[v]));
	CASE("cancel", io_uring_prep_cancel64(sqe, DATA[v], FLAGS[v]));
	CASE("cancel_fd", io_uring_prep_cancel_fd(sqe, FD[v], FLAGS[v]));
	CASE("connect", io_uring_prep_connect(sqe, FD[v], P(ADDR[v]), U16[v]));
	CASE("fallocate", io_uring_prep_fallocate(sqe, FD[v], SMALL[v], OFF[v], OFF[v]));
	CASE("openat", io_uring_prep_openat(sqe, FD[v], P(ADDR[v]), FLAGS[v], SMALL[v]));
	CASE("openat-cwd", io_uring_prep_openat(sqe, AT_FDCWD, P(ADDR[v]), FLAGS[v], SMALL[v]));
	CASE("openat_direct", io_uring_prep_openat_direct(sqe, FD[v], P(ADDR[v]), FLAGS[v], SMALL[v], SLOT[v]));
	CASE("openat_direct-auto",
	     io_uring_prep_openat_direct(sqe, FD[v], P(ADDR[v]), FLAGS[v], SMALL[v], IORING_FILE_INDEX_ALLOC - 1));
	CASE("openat2", io_uring_prep_openat2(sqe, FD[v], P(ADDR[v]), P(ADDR2[v])));
	CASE("openat2_direct", io_uring_prep_openat2_direct(sqe, FD[v], P(ADDR[v]), P(ADDR2[v]), SLOT[v]));
	CASE("close", io_uring_prep_close(sqe, FD[v]));
	CASE("close_direct", io_uring_prep_close_direct(sqe, SLOT[v]));
	CASE("files_update", io_uring_prep_files_update(sqe, P(ADDR[v]), SMALL[v], SLOT[v]));
	CASE("files_update-auto", io_uring_prep_files_update(sqe, P(ADDR[v]), SMALL[v], IORING_FILE_INDEX_ALLOC));
	CASE("statx", io_uring_prep_statx(sqe, FD[v], P(ADDR[v]), FLAGS[v], SMALL[v], P(ADDR2[v])));
	CASE("fadvise", io_uring_prep_fadvise(sqe, FD[v], OFF[v], LEN[v], SMALL[v]));
	CASE("madvise", io_uring_prep_madvise(sqe, P(ADDR[v]), LEN[v], SMALL[v]));
	CASE("send", io_uring_prep_send(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v]));
	CASE("sendto", {
		io_uring_prep_send(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v]);
		io_uring_prep_send_set_addr(sqe, P(ADDR2[v]), U16[v]);
	});
	CASE("send_zc", io_uring_prep_send_zc(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v], SMALL[v]));
	CASE("send_zc_fixed", io_uring_prep_send_zc_fixed(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v], SMALL[v], U16[v]));
	CASE("recv", io_uring_prep_recv(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v]));
	CASE("recv_multishot", io_uring_prep_recv_multishot(sqe, FD[v], P(ADDR[v]), LEN[v], FLAGS[v]));
	CASE("epoll_ctl", io_uring_prep_epoll_ctl(sqe, FD[v], FD2[v], SMALL[v], P(ADDR[v])));
	CASE("splice", io_uring_prep_splice(sqe, FD[v], OFF[v], FD2[v], OFF[v], LEN[v], FLAGS[v]));
	CASE("splice-pipes", io_uring_prep_splice(sqe, FD[v], -1, FD2[v], -1, LEN[v], FLAGS[v]));
	CASE("tee", io_uring_prep_tee(sqe, FD[v], FD2[v], LEN[v], FLAGS[v]));
	CASE("provide_buffers", io_uring_prep_provide_buffers(sqe, P(ADDR[v]), LEN[v], SMALL[v] + 1, U16[v], SMALL[v]));
	CASE("remove_buffers", io_uring_prep_remove_buffers(sqe, SMALL[v] + 1, U16[v]));
	CASE("shutdown", io_uring_prep_shutdown(sqe, FD[v], v));
	CASE("renameat", io_uring_prep_renameat(sqe, FD[v], P(ADDR[v]), FD2[v], P(ADDR2[v]), FLAGS[v]));
	CASE("unlinkat", io_uring_prep_unlinkat(sqe, FD[v], P(ADDR[v]), FLAGS[v]));
	CASE("mkdirat", io_uring_prep_mkdirat(sqe, FD[v], P(ADDR[v]), SMALL[v]));
	CASE("symlinkat", io_uring_prep_symlinkat(sqe, P(ADDR[v]), FD[v], P(ADDR2[v])));
	CASE("linkat", io_uring_prep_linkat(sqe, FD[v], P(ADDR[v]), FD2[v], P(ADDR2[v]), FLAGS[v]));
	CASE("msg_ring", io_uring_prep_msg_ring(sqe, FD[v], LEN[v], DATA[v], FLAGS[v]));
	CASE("fsetxattr", io_uring_prep_fsetxattr(sqe, FD[v], P(ADDR[v]), P(ADDR2[v]), SMALL[v], LEN[v]));
	CASE("setxattr", io_uring_prep_setxattr(sqe, P(ADDR[v]), P(ADDR2[v]), P(ADDR[v]), SMALL[v], LEN[v]));
	CASE("fgetxattr", io_uring_prep_fgetxattr(sqe, FD[v], P(ADDR[v]), P(ADDR2[v]), LEN[v]));
	CASE("getxattr", io_uring_prep_getxattr(sqe, P(ADDR[v]), P(ADDR2[v]), P(ADDR[v]), LEN[v]));
	CASE("socket", io_uring_prep_socket(sqe, SMALL[v], FLAGS[v], LEN[v], FLAGS[v]));
	CASE("socket_direct", io_uring_prep_socket_direct(sqe, SMALL[v], FLAGS[v], LEN[v], SLOT[v], FLAGS[v]));
	CASE("socket_direct_alloc", io_uring_prep_socket_direct_alloc(sqe, SMALL[v], FLAGS[v], LEN[v], FLAGS[v]));
	return 0;
}
