#include "agent/errand.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/frame.h"

enum { ERRAND_FRAME_MAX = 256 };

struct job {
	struct request request;
	uint32_t role;
};

void errand_let_go(struct errand *e)
{
	if (e->fd > 0)
		close(e->fd);
	*e = (struct errand){0};
}

/* In the process of its own. That it is free is said first: who hears the answer may have another
 * request there before main has heard anything, and would get a new process. */
static int job_do(const struct requests *r, int fd, const struct job *job, int answer_fd)
{
	int fd_out;
	int error = requests_answer(r, (enum role)job->role, &job->request, -1, &fd_out);
	int said;

	if (error == REQUESTS_FORBIDDEN)
		return ERR_DENIED;
	said = frame_send(fd, MESSAGE_PONG, NULL, 0, NULL, 0);
	requests_reply(&job->request, error, fd_out, answer_fd);
	return said;
}

static int job_take(const struct requests *r, int fd, int wait_ms)
{
	uint8_t memory[ERRAND_FRAME_MAX];
	struct frame frame;
	struct job job;
	int error = frame_receive(fd, wait_ms, memory, sizeof(memory), &frame);

	if (error != 0)
		return error;
	if (frame.type == MESSAGE_EXPECT) {
		frame_close_fds(&frame);
		return 0;
	}
	if (frame.payload.length != sizeof(job) || frame.fd_count != 1) {
		frame_close_fds(&frame);
		return ERR_FORMAT;
	}
	memcpy(&job, frame.payload.data, sizeof(job));
	error = job_do(r, fd, &job, frame.fds[0]);
	frame_close_fds(&frame);
	return error;
}

static void jobs_take(const struct requests *r, int fd)
{
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	do
		error = job_take(r, fd, ERRAND_LINGER_MS);
	while (error == 0);
	/* Main is told that nobody reads from here on. What it sent just before is still done. */
	if (error == ERR_TIMEOUT && shutdown(fd, SHUT_RD) == 0) {
		while (job_take(r, fd, 0) == 0)
			;
	}
	_exit(0);
}

static bool process_start(struct errand *e, const struct requests *r)
{
	int pair[2];
	pid_t pid;

	errand_let_go(e);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		jobs_take(r, pair[1]);
	}
	close(pair[1]);
	e->fd = pair[0];
	if (pid < 0 || fcntl(e->fd, F_SETFL, O_NONBLOCK) != 0)
		errand_let_go(e);
	return e->fd > 0;
}

/* It says when it is done; one that has lingered long enough is gone. */
static bool process_is_free(struct errand *e)
{
	uint8_t memory[ERRAND_FRAME_MAX];
	struct frame frame;
	int error = ERR_CLOSED;

	if (e->fd > 0)
		error = frame_receive(e->fd, 0, memory, sizeof(memory), &frame);
	if (error == 0) {
		frame_close_fds(&frame);
		e->busy = false;
	}
	return (error == 0 || error == ERR_TIMEOUT) && !e->busy;
}

static bool job_give(struct errand *e, const struct job *job, int answer_fd)
{
	e->busy = frame_send(e->fd, MESSAGE_REQUEST, job, sizeof(*job), &answer_fd, 1) == 0;
	return e->busy;
}

void errand_expect(struct errand *e, const struct requests *r)
{
	/* One that was about to end stays for as long again. */
	if (!process_is_free(e) || frame_send(e->fd, MESSAGE_EXPECT, NULL, 0, NULL, 0) != 0)
		(void)process_start(e, r);
}

bool errand_run(struct errand *e, const struct requests *r, enum role role,
        const struct request *request, int answer_fd)
{
	struct job job = {.request = *request, .role = (uint32_t)role};

	if (process_is_free(e) && job_give(e, &job, answer_fd))
		return true;
	return process_start(e, r) && job_give(e, &job, answer_fd);
}
