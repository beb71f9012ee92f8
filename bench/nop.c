/*
 * The baseline of `npm run bench -- nop`: NOPs through liburing, with the same work as the
 * TypeScript side: user data for each submission, and a check of every completion's result and user
 * data.
 *
 * Reads lines "BATCH MILLISECONDS" and responds to each with the operations per second.
 */
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double run(struct io_uring *ring, unsigned batch, double seconds)
{
	unsigned long long sent = 0, seen = 0;
	double start = now(), elapsed;

	do {
		for (int round = 0; round < 200; round++) {
			struct io_uring_cqe *cqe;
			unsigned head, count = 0;

			for (unsigned i = 0; i < batch; i++) {
				struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

				if (!sqe) {
					fprintf(stderr, "the submission queue is full\n");
					exit(1);
				}
				io_uring_prep_nop(sqe);
				sqe->user_data = sent++ & 0x7fffffff;
			}
			if (io_uring_submit_and_wait(ring, batch) != (int)batch) {
				fprintf(stderr, "short submission\n");
				exit(1);
			}
			io_uring_for_each_cqe(ring, head, cqe) {
				if (cqe->res != 0 || cqe->user_data != (seen & 0x7fffffff)) {
					fprintf(stderr, "wrong completion\n");
					exit(1);
				}
				seen++;
				count++;
			}
			io_uring_cq_advance(ring, count);
		}
		elapsed = now() - start;
	} while (elapsed < seconds);
	return seen / elapsed;
}

int main(int argc, char **argv)
{
	struct io_uring_params params = { .flags = argc > 1 ? strtoul(argv[1], NULL, 0) : 0 };
	struct io_uring ring;
	unsigned batch, milliseconds;
	int error = io_uring_queue_init_params(256, &ring, &params);

	if (error) {
		fprintf(stderr, "io_uring_queue_init_params: %d\n", error);
		return 1;
	}
	while (scanf("%u %u", &batch, &milliseconds) == 2) {
		printf("%f\n", run(&ring, batch, milliseconds / 1e3));
		fflush(stdout);
	}
	io_uring_queue_exit(&ring);
	return 0;
}
