#include "agent/guard_policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/clock.h"
#include "core/cms.h"
#include "core/error.h"
#include "core/file.h"
#include "core/language.h"
#include "core/log.h"

enum { SIGNERS_MAX = 1 << 18, VERSION_MAX = 32 };

struct bytes {
	uint8_t *data;
	size_t length;
};

static void bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

static bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
	if (a->data == NULL || b->data == NULL || a->length != b->length)
		return false;
	return memcmp(a->data, b->data, a->length) == 0;
}

/* Root's file, and nobody else's to write. */
static int root_file_read(int root, const char *path, size_t max, struct bytes *b)
{
	int fd;
	int r = file_open_checked(root, path, 0, 0644, max, &fd);

	*b = (struct bytes){0};
	if (r != 0)
		return r;
	r = file_read(fd, max, &b->data, &b->length);
	close(fd);
	return r;
}

static uint64_t floor_read(int root)
{
	struct bytes b;
	uint64_t version = UINT64_MAX;
	int r = root_file_read(root, PATH_POLICY_DIR "/" POLICY_VERSION, VERSION_MAX, &b);

	if (r == ERR_NOT_FOUND)
		return 0;
	/* One that cannot be read lets nothing through. */
	if (r == 0 && b.length >= 2 && strspn((char *)b.data, "0123456789") == b.length - 1)
		version = strtoull((char *)b.data, NULL, 10);
	bytes_free(&b);
	return version;
}

static void problem_set(struct guard_policy *p, const char *what, const char *why)
{
	snprintf(p->problem, sizeof(p->problem), "%s: %s", what, why);
}

/* Parses and verifies. On error the problem says why. */
static int bytes_open(
        struct guard_policy *p, const struct bytes *b, const char *what, struct policy **policy)
{
	struct policy_error error = {0};
	struct bytes signers;
	char why[GUARD_PROBLEM_MAX - 64];
	int r = root_file_read(p->root, PATH_POLICY_SIGNERS, SIGNERS_MAX, &signers);

	*policy = NULL;
	if (r != 0) {
		problem_set(p, PATH_POLICY_SIGNERS, error_text(r));
		return r;
	}
	r = policy_open(b->data, b->length, signers.data, signers.length, policy, &error);
	bytes_free(&signers);
	if (r == 0)
		return 0;
	if (error.message[0] != '\0')
		snprintf(why, sizeof(why), "%zu:%zu: %s", error.line, error.column, error.message);
	else
		snprintf(why, sizeof(why), "%s", error_text(r));
	problem_set(p, what, why);
	return r;
}

/* A refusal is an event, once for each new reason. */
static void problem_tell(struct guard_policy *p)
{
	char digest[SHA256_HEX_SIZE];
	struct event_record e;

	if (p->problem[0] == '\0') {
		p->told[0] = '\0';
		return;
	}
	if (encode_sha256_hex(p->problem, strlen(p->problem), digest) != 0 ||
	        strcmp(digest, p->told) == 0)
		return;
	log_error("%s: %s", LANGUAGE("ポリシーを採用しません", "policy refused"), p->problem);
	event_start(&e, EVENT_POLICY_REFUSED);
	event_put(&e, FIELD_CAUSE, p->problem);
	enforce_tell_once(p->enforcement, &e);
	memcpy(p->told, digest, sizeof(digest));
}

static void accepted_tell(struct guard_policy *p)
{
	struct event_record e;

	log_info("%s: %s %ju", LANGUAGE("ポリシーを適用しました", "policy in force"), p->policy->id,
	        (uintmax_t)p->policy->version);
	event_start(&e, EVENT_POLICY_ACCEPTED);
	event_put(&e, FIELD_POLICY_ID, p->policy->id);
	event_put_number(&e, FIELD_POLICY_VERSION, p->policy->version);
	event_put(&e, FIELD_POLICY_DIGEST, p->policy->digest);
	enforce_tell_once(p->enforcement, &e);
}

static void policy_take(struct guard_policy *p, struct policy *policy)
{
	policy_free(&p->policy);
	p->policy = policy;
}

/* The in-force file again: the same one, or one that root restored. Never an older one than was
 * ever in force. */
static int in_force_load(struct guard_policy *p, const struct bytes *b)
{
	struct policy *policy;
	int r = bytes_open(p, b, POLICY_IN_FORCE, &policy);

	if (r != 0)
		return r;
	if (policy->version < floor_read(p->root) ||
	        (p->policy != NULL && policy->version < p->policy->version)) {
		problem_set(p, POLICY_IN_FORCE, error_text(ERR_VERSION));
		policy_free(&policy);
		return ERR_VERSION;
	}
	policy_take(p, policy);
	return 0;
}

/* main reads what was verified here: sealed, it cannot be another by then. */
static int sealed_make(const struct bytes *b, int *fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int r = ERR_IO;

	*fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return r;
	r = file_write(*fd, b->data, b->length);
	if (r == 0 && fcntl(*fd, F_ADD_SEALS, seals) != 0)
		r = ERR_IO;
	if (r != 0) {
		close(*fd);
		*fd = -1;
	}
	return r;
}

static int policy_store(struct guard_policy *p, const struct bytes *b, uint64_t version)
{
	int fd;
	int r = sealed_make(b, &fd);

	if (r != 0)
		return r;
	r = channel_request(p->channel, REQUEST_POLICY_STORE, NULL, version, fd, NULL);
	close(fd);
	return r;
}

/* The same document, perhaps with another signature: nothing to do. */
static bool policy_is_in_force(const struct guard_policy *p, const struct policy *policy)
{
	return p->policy != NULL && p->policy->version == policy->version &&
	       strcmp(p->policy->digest, policy->digest) == 0;
}

static int policy_check_new(const struct guard_policy *p, const struct policy *policy)
{
	if (p->policy != NULL && policy->version <= p->policy->version)
		return ERR_VERSION;
	/* The version that was in force once more is no update: a copy in place of a file that was
	 * lost. */
	if (policy->not_after != 0 && policy->not_after < clock_wall() &&
	        policy->version != floor_read(p->root))
		return ERR_EXPIRED;
	return 0;
}

static int offered_take(struct guard_policy *p, const struct bytes *b, const char *what)
{
	struct policy *policy;
	int r = bytes_open(p, b, what, &policy);

	if (r != 0)
		return r;
	if (policy_is_in_force(p, policy)) {
		policy_free(&policy);
		return 0;
	}
	r = policy_check_new(p, policy);
	if (r == 0)
		r = policy_store(p, b, policy->version);
	if (r != 0) {
		problem_set(p, what, error_text(r));
		policy_free(&policy);
		return r;
	}
	policy_take(p, policy); /* transferred */
	p->problem[0] = '\0';
	accepted_tell(p);
	return 0;
}

static void in_force_read(struct guard_policy *p, struct bytes *b)
{
	int r = root_file_read(p->root, PATH_POLICY_DIR "/" POLICY_IN_FORCE, CMS_SIGNED_MAX, b);

	if (r == 0)
		(void)in_force_load(p, b);
	else if (r != ERR_NOT_FOUND || p->policy != NULL || floor_read(p->root) != 0)
		problem_set(p, POLICY_IN_FORCE, error_text(r));
}

static void offered_read(struct guard_policy *p, const struct bytes *in_force)
{
	struct bytes b;
	int r = root_file_read(p->root, PATH_POLICY_DIR "/" POLICY_OFFERED, CMS_SIGNED_MAX, &b);

	if (r == 0 && !bytes_equal(&b, in_force))
		(void)offered_take(p, &b, POLICY_OFFERED);
	else if (r != 0 && r != ERR_NOT_FOUND)
		problem_set(p, POLICY_OFFERED, error_text(r));
	bytes_free(&b);
}

bool guard_policy_load(struct guard_policy *p)
{
	struct bytes in_force;
	char before[sizeof(p->policy->digest)] = "";

	if (p->policy != NULL)
		memcpy(before, p->policy->digest, sizeof(before));
	p->problem[0] = '\0';
	in_force_read(p, &in_force);
	offered_read(p, &in_force);
	bytes_free(&in_force);
	problem_tell(p);
	return strcmp(before, p->policy != NULL ? p->policy->digest : "") != 0;
}

/* A file the CLI opened: reading it must not hold guard up. */
static int offered_fd_read(int fd, struct bytes *b)
{
	struct stat status;

	*b = (struct bytes){0};
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return ERR_UNSAFE;
	return file_read(fd, CMS_SIGNED_MAX, &b->data, &b->length);
}

int guard_policy_offer(struct guard_policy *p, int fd, char *reason)
{
	char before[GUARD_PROBLEM_MAX];
	struct bytes b;
	int r = offered_fd_read(fd, &b);

	memcpy(before, p->problem, sizeof(before));
	if (r == 0)
		r = offered_take(p, &b, LANGUAGE("提示されたポリシー", "offered policy"));
	else
		problem_set(p, LANGUAGE("提示されたポリシー", "offered policy"), error_text(r));
	bytes_free(&b);
	reason[0] = '\0';
	if (r == 0)
		return 0;
	/* The CLI is told, and the journal; but nothing was put where a policy is taken from. */
	snprintf(reason, GUARD_PROBLEM_MAX, "%s", p->problem);
	problem_tell(p);
	memcpy(p->problem, before, sizeof(before));
	return r;
}

const char *guard_policy_state(const struct guard_policy *p)
{
	if (p->policy == NULL)
		return "none";
	return p->problem[0] == '\0' ? "in-force" : "last-good";
}
