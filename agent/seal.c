/* The process seal (agent/seal.h). */
#include "agent/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/paths.h"
#include "agent/seal_file.h"
#include "agent/seal_tpm.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/file.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"

enum { LOCK_MS = 5000, LOCK_PAUSE_MS = 20 };

struct seal {
	struct child child;
	int directory;
	int tpm; /* -1: there is none */
};

struct found {
	struct storage_key key;
	enum seal_way way;
	enum seal_deed deed;
};

/* Two of us at once must not make two keys. Ends with the process. */
static int lock(int directory)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	int64_t deadline = clock_boot_ms() + LOCK_MS;

	while (flock(directory, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ERR_IO;
		if (clock_boot_ms() >= deadline)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int write_file(const struct seal *s, const struct seal_file *file)
{
	uint8_t bytes[SEAL_FILE_MAX];
	size_t length = 0;
	int error = seal_file_encode(file, bytes, &length);

	if (error == 0)
		error = file_replace(s->directory, SEAL_KEY, bytes, length, 0400);
	explicit_bzero(bytes, sizeof(bytes));
	return error;
}

static int read_file(const struct seal *s, struct seal_file *file)
{
	uint8_t *bytes = NULL;
	size_t length = 0;
	int error = file_read_checked(
	        s->directory, SEAL_KEY, geteuid(), 0400, SEAL_FILE_MAX, &bytes, &length);

	if (error == 0)
		error = seal_file_decode(bytes, length, file);
	if (bytes != NULL)
		explicit_bzero(bytes, length);
	free(bytes);
	return error;
}

/* What was sealed is opened once before it is relied on. */
static int seal_by_tpm(const struct seal *s, const struct storage_key *key, struct seal_file *file)
{
	struct storage_key again;
	int error = s->tpm >= 0 ? seal_tpm_close(s->tpm, key->bytes, file) : ERR_NOT_FOUND;

	if (error == 0)
		error = seal_tpm_open(s->tpm, file, again.bytes);
	if (error == 0 && memcmp(again.bytes, key->bytes, sizeof(again.bytes)) != 0)
		error = ERR_IO;
	explicit_bzero(&again, sizeof(again));
	if (error != 0 && error != ERR_NOT_FOUND)
		log_warning("%s: %s", LANGUAGE("TPMで封印できません", "the TPM cannot seal"),
		        error_text(error));
	return error;
}

static int make_key(const struct seal *s, struct found *f)
{
	struct seal_file file = {0};
	int error = 0;

	f->deed = SEAL_MADE;
	f->way = SEAL_BY_TPM;
	if (getrandom(f->key.bytes, sizeof(f->key.bytes), 0) != (ssize_t)sizeof(f->key.bytes))
		return ERR_CRYPTO;
	if (seal_by_tpm(s, &f->key, &file) != 0) {
		f->way = SEAL_BY_HOST;
		file = (struct seal_file){.way = SEAL_BY_HOST};
		memcpy(file.key, f->key.bytes, sizeof(file.key));
	}
	error = write_file(s, &file);
	explicit_bzero(&file, sizeof(file));
	return error;
}

/* Whatever goes wrong, the host's file stays as good as it was. */
static void move_to_tpm(const struct seal *s, struct found *f)
{
	struct seal_file file;

	if (seal_by_tpm(s, &f->key, &file) != 0 || write_file(s, &file) != 0)
		return;
	f->way = SEAL_BY_TPM;
	f->deed = SEAL_MOVED;
}

static enum seal_answer open_file(const struct seal *s, struct seal_file *file, struct found *f)
{
	int error = 0;

	f->deed = SEAL_FOUND;
	f->way = file->way;
	if (file->way == SEAL_BY_HOST) {
		memcpy(f->key.bytes, file->key, sizeof(f->key.bytes));
		move_to_tpm(s, f);
		return SEAL_OPEN;
	}
	if (s->tpm < 0)
		return SEAL_AWAY;
	error = seal_tpm_open(s->tpm, file, f->key.bytes);
	if (error != 0)
		return error == ERR_SEALED ? SEAL_FOREIGN : SEAL_AWAY;
	return SEAL_OPEN;
}

static enum seal_answer find(const struct seal *s, struct found *f)
{
	struct seal_file file = {0};
	enum seal_answer answer = SEAL_BROKEN;
	int error = lock(s->directory);

	if (error == 0)
		error = read_file(s, &file);
	if (error == 0) {
		answer = open_file(s, &file, f);
	} else if (error == ERR_NOT_FOUND) {
		error = make_key(s, f);
		answer = error == 0 ? SEAL_OPEN : SEAL_BROKEN;
	}
	if (error != 0)
		log_error("%s/%s: %s", PATH_SEAL_DIR, SEAL_KEY, error_text(error));
	explicit_bzero(&file, sizeof(file));
	if (answer == SEAL_OPEN && storage_key_name(&f->key) != 0)
		answer = SEAL_BROKEN;
	return answer;
}

static int answer_ask(const struct seal *s, int fd)
{
	static struct found f;
	uint8_t memory[SEAL_FRAME_MAX];
	struct buffer out = buffer_over(memory, sizeof(memory));
	enum seal_answer answer = 0;
	int error = 0;

	storage_key_guard(&f.key);
	answer = find(s, &f);
	buffer_put_u8(&out, (uint8_t)answer);
	if (answer == SEAL_OPEN) {
		buffer_put_u8(&out, (uint8_t)f.way);
		buffer_put_u8(&out, (uint8_t)f.deed);
		buffer_put_bytes(&out, f.key.bytes, sizeof(f.key.bytes));
		buffer_put_bytes(&out, f.key.id, sizeof(f.key.id));
	}
	error = out.error != 0 ? out.error
	                       : frame_send(fd, SEAL_ANSWER, out.data, out.length, NULL, 0);
	explicit_bzero(&f, sizeof(f));
	explicit_bzero(memory, sizeof(memory));
	return error;
}

static int serve(const struct seal *s)
{
	uint8_t memory[SEAL_FRAME_MAX];
	struct frame frame;
	int error = frame_receive(s->child.channel.main_fd, -1, memory, sizeof(memory), &frame);

	if (error != 0)
		return error;
	if (frame.fd_count != 0 || frame.type != SEAL_ASK || buffer_end(&frame.payload) != 0)
		error = ERR_FORMAT;
	frame_close_fds(&frame);
	return error == 0 ? answer_ask(s, s->child.channel.main_fd) : error;
}

static int open_device(void)
{
	struct stat st;

	return fstat(SEAL_DEVICE_FD, &st) == 0 && S_ISCHR(st.st_mode) ? SEAL_DEVICE_FD : -1;
}

int main(int argc, char **argv)
{
	struct seal s = {.directory = -1};

	/* The library writes to standard error what we say ourselves. */
	if (setenv("TSS2_LOG", "all+NONE", 1) != 0 || crypto_start() != 0)
		return EXIT_USAGE;
	if (child_start(argc, argv, ROLE_SEAL, &s.child) != 0)
		return EXIT_USAGE;
	s.tpm = open_device();
	s.directory = openat(
	        s.child.root, PATH_SEAL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return serve(&s) == 0 ? EXIT_YES : EXIT_NO;
}
