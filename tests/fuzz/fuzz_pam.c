/* A service's file in pam.d, which may include itself and others: whatever stands in it, there is a
 * verdict. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/pam_stack.h"
#include "core/file.h"

static int open_directory(void)
{
	char path[] = "/tmp/sekisho-fuzz-XXXXXX";
	int fd = mkdtemp(path) != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	/* The files are left behind: they are small, and the next run has its own. */
	if (fd < 0 ||
	        file_replace(fd, "common-auth", "auth required pam_sekisho.so\n", 29, 0600) != 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pam_dirs dirs = {-1, -1};
	enum pam_stack_answer answer;
	int fd = -1;

	if (dirs.own < 0)
		dirs.own = open_directory();
	fd = openat(dirs.own, "login", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || file_write(fd, data, size) != 0)
		abort();
	close(fd);
	answer = pam_stack_check(&dirs, "login");
	if (answer != PAM_STACK_HELD && answer != PAM_STACK_BYPASSED && answer != PAM_STACK_ABSENT)
		abort();
	return 0;
}
