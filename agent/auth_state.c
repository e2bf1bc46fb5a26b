#include "agent/auth_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/auth_record.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"

enum { LOCK_PAUSE_MS = 5 };

bool auth_state_name(const char *user)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t length = strlen(user);

	if (length == 0 || length > AUTH_USER_MAX || strchr(first, user[0]) == NULL)
		return false;
	return strspn(user, others) == length;
}

static int set_lock(const struct auth_file *file, short type)
{
	struct flock lock = {
	        .l_type = type,
	        .l_whence = SEEK_SET,
	        .l_start = file->base,
	        .l_len = AUTH_AREA_SIZE,
	};

	return fcntl(file->fd, F_OFD_SETLK, &lock);
}

/* Asking again and again instead of F_OFD_SETLKW: the wait has an end, without signals. */
int auth_state_lock(const struct auth_file *file, int timeout_ms)
{
	int64_t deadline = clock_boot_ms() + timeout_ms;
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};

	while (set_lock(file, F_WRLCK) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return ERR_IO;
		if (clock_boot_ms() >= deadline)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void auth_state_unlock(const struct auth_file *file)
{
	(void)set_lock(file, F_UNLCK);
}

static int64_t slot_offset(const struct auth_file *file, uint64_t slot)
{
	return file->base + (int64_t)slot * AUTH_SLOT_STRIDE;
}

static int read_slot(const struct auth_file *file, unsigned slot, struct auth_state *s)
{
	uint8_t record[AUTH_RECORD_SIZE] = {0};
	ssize_t got = 0;
	int error = 0;

	do
		got = pread(file->fd, record, sizeof(record), slot_offset(file, slot));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return ERR_IO;
	/* The decoy grows as it is used. */
	if (got != sizeof(record) && !file->decoy)
		return ERR_FORMAT;
	error = auth_record_decode(file, record, slot, s);
	/* Whoever has no state must not be told from who has one by what an older key left. */
	if (file->decoy && file->key != NULL && (error == ERR_SEALED || error == ERR_VERSION))
		error = ERR_NOT_FOUND;
	return error;
}

static int check_size(const struct auth_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || (!file->decoy && st.st_size != AUTH_AREA_SIZE))
		return ERR_FORMAT;
	return 0;
}

/* What two slots make together: one whole record is enough unless the other is of a version that is
 * not ours. */
static int choose(const int errors[2], const struct auth_state slots[2], struct auth_state *state)
{
	int refusal = 0;

	for (unsigned i = 0; i < 2; i++)
		if (errors[i] == ERR_VERSION || errors[i] == ERR_IO || errors[i] == ERR_CRYPTO)
			refusal = errors[i];
	if (refusal != 0)
		return refusal;
	if (errors[0] != 0 && errors[1] != 0) {
		if (errors[0] == ERR_SEALED || errors[1] == ERR_SEALED)
			return ERR_SEALED;
		return errors[0] == errors[1] ? errors[0] : ERR_FORMAT;
	}
	if (errors[0] == 0 && errors[1] == 0)
		*state = slots[slots[1].generation > slots[0].generation];
	else
		*state = slots[errors[0] != 0];
	return 0;
}

int auth_state_read(const struct auth_file *file, struct auth_state *state)
{
	struct auth_state slots[2] = {0};
	int errors[2] = {0};
	int error = check_size(file);

	*state = (struct auth_state){0};
	if (error != 0)
		return error;
	for (unsigned i = 0; i < 2; i++)
		errors[i] = read_slot(file, i, &slots[i]);
	error = choose(errors, slots, state);
	explicit_bzero(slots, sizeof(slots));
	if (error == ERR_NOT_FOUND && !file->decoy)
		error = ERR_FORMAT;
	return error;
}

static int write_at(int fd, const uint8_t *bytes, size_t length, int64_t offset)
{
	while (length > 0) {
		ssize_t done = pwrite(fd, bytes, length, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_IO;
		bytes += done;
		offset += done;
		length -= (size_t)done;
	}
	return 0;
}

static int sync_data(int fd)
{
	return fdatasync(fd) == 0 ? 0 : ERR_IO;
}

int auth_state_write(const struct auth_file *file, struct auth_state *state)
{
	uint8_t record[AUTH_RECORD_SIZE];
	int error = 0;

	state->generation++;
	error = auth_record_encode(file, state, record);
	if (error == 0)
		error = write_at(
		        file->fd, record, sizeof(record), slot_offset(file, state->generation % 2));
	return error == 0 ? sync_data(file->fd) : error;
}

int auth_state_new(
        const struct auth_file *file, struct auth_state *state, uint8_t out[static AUTH_AREA_SIZE])
{
	memset(out, 0, AUTH_AREA_SIZE);
	state->generation = 1;
	return auth_record_encode(file, state, out + AUTH_SLOT_STRIDE);
}

static bool is_same(const struct auth_token *one, const struct auth_token *other)
{
	if (one->kind != other->kind)
		return false;
	if (one->kind == TOKEN_KEY)
		return one->key.credential_length == other->key.credential_length &&
		       memcmp(one->key.credential, other->key.credential,
		               one->key.credential_length) == 0;
	return one->kind == TOKEN_CARD &&
	       memcmp(one->card.fingerprint, other->card.fingerprint, TOKEN_FINGERPRINT_SIZE) == 0;
}

int auth_state_add(struct auth_state *state, struct auth_token *token)
{
	struct auth_token *place = NULL;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		if (is_same(&state->tokens[i], token))
			return ERR_EXISTS;
		if (state->tokens[i].kind == TOKEN_NONE && place == NULL)
			place = &state->tokens[i];
	}
	if (place == NULL || state->next_id == UINT16_MAX)
		return ERR_TOO_LONG;
	if (state->next_id == 0)
		state->next_id = 1;
	token->id = state->next_id++;
	*place = *token;
	return 0;
}

struct auth_token *auth_state_find(struct auth_state *state, unsigned id)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (state->tokens[i].kind != TOKEN_NONE && state->tokens[i].id == id)
			return &state->tokens[i];
	return NULL;
}

size_t auth_state_count(const struct auth_state *state, enum token_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		count += state->tokens[i].kind != TOKEN_NONE &&
		         (kind == TOKEN_NONE || state->tokens[i].kind == kind);
	return count;
}

int auth_state_decoy(struct auth_state *state)
{
	struct auth_token token = {
	        .kind = TOKEN_TOTP,
	        .otp = {.algorithm = AUTH_SHA1,
	                .digits = 6,
	                .step = 30,
	                .secret_length = TOKEN_SECRET_MIN},
	};
	int error = ERR_CRYPTO;

	*state = (struct auth_state){0};
	if (getrandom(token.otp.secret, TOKEN_SECRET_MIN, 0) == TOKEN_SECRET_MIN)
		error = auth_state_add(state, &token);
	explicit_bzero(&token, sizeof(token));
	return error;
}

static int read_key(const struct auth_file *file, struct auth_state *key)
{
	int error = auth_state_read(file, key);

	if (error != ERR_NOT_FOUND)
		return error;
	error = auth_state_decoy(key);
	return error == 0 ? auth_state_write(file, key) : error;
}

static int pick_area(const struct auth_state *key, const char *user, int64_t *base)
{
	const struct token_otp *secret = &key->tokens[0].otp;
	uint8_t text[TOKEN_SECRET_MAX + AUTH_USER_MAX + 1] = {0};
	uint8_t digest[SHA256_SIZE];
	size_t length = strnlen(user, AUTH_USER_MAX);
	unsigned area = 0;
	int error = 0;

	if (!token_is_otp(&key->tokens[0]))
		return ERR_FORMAT;
	memcpy(text, secret->secret, secret->secret_length);
	memcpy(text + secret->secret_length, user, length);
	error = encode_sha256(text, secret->secret_length + length, digest);
	explicit_bzero(text, sizeof(text));
	area = 1 + ((unsigned)digest[0] << 8 | digest[1]) % (AUTH_DECOY_AREAS - 1);
	*base = (int64_t)area * AUTH_AREA_SIZE;
	return error;
}

int auth_state_fill_decoy(int fd)
{
	static const uint8_t zeros[8 * AUTH_AREA_SIZE];
	const off_t whole = (off_t)AUTH_DECOY_AREAS * AUTH_AREA_SIZE;
	struct stat st;
	int error = 0;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size >= whole)
		return 0;
	for (off_t at = st.st_size; error == 0 && at < whole; at += (off_t)sizeof(zeros))
		error = write_at(fd, zeros,
		        whole - at < (off_t)sizeof(zeros) ? (size_t)(whole - at) : sizeof(zeros),
		        at);
	return error == 0 ? sync_data(fd) : error;
}

int auth_state_decoy_area(struct auth_file *file)
{
	struct auth_state key;
	int error = 0;

	file->base = 0;
	error = auth_state_lock(file, 2000);
	if (error != 0)
		return error;
	error = read_key(file, &key);
	auth_state_unlock(file);
	if (error == 0)
		error = pick_area(&key, file->user, &file->base);
	explicit_bzero(&key, sizeof(key));
	return error;
}
