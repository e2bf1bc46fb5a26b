#include "agent/auth_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/error.h"

enum {
	MAGIC = 0x534b4155,
	FLAG_LOCKED = 1,
	DIGEST_AT = AUTH_RECORD_SIZE - SHA256_SIZE,
	LOCK_PAUSE_MS = 5,
};

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

static bool is_allowed(const struct auth_state *s)
{
	return s->generation > 0 && s->algorithm >= AUTH_SHA1 && s->algorithm <= AUTH_SHA512 &&
	       (s->digits == 6 || s->digits == 8) && s->step >= 15 && s->step <= 120 &&
	       s->secret_length >= AUTH_SECRET_MIN && s->secret_length <= AUTH_SECRET_MAX;
}

static void put_raw(struct buffer *b, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		buffer_put_u8(b, bytes[i]);
}

static int encode(const struct auth_state *s, uint8_t out[static AUTH_RECORD_SIZE])
{
	struct buffer b = buffer_over(out, DIGEST_AT);

	if (!is_allowed(s))
		return ERR_FORMAT;
	memset(out, 0, AUTH_RECORD_SIZE);
	buffer_put_u32(&b, MAGIC);
	buffer_put_u16(&b, AUTH_STATE_VERSION);
	buffer_put_u16(&b, AUTH_RECORD_SIZE);
	buffer_put_u64(&b, s->generation);
	buffer_put_u32(&b, s->locked ? FLAG_LOCKED : 0);
	buffer_put_u32(&b, s->uid);
	buffer_put_u8(&b, s->algorithm);
	buffer_put_u8(&b, s->digits);
	buffer_put_u16(&b, s->step);
	buffer_put_u64(&b, s->last_step);
	buffer_put_u32(&b, s->failures);
	buffer_put_u64(&b, (uint64_t)s->enrolled_at);
	buffer_put_u64(&b, (uint64_t)s->last_used);
	buffer_put_u8(&b, (uint8_t)s->secret_length);
	put_raw(&b, s->secret, AUTH_SECRET_MAX);
	if (b.error != 0)
		return b.error;
	return encode_sha256(out, DIGEST_AT, out + DIGEST_AT);
}

static bool are_zero(struct buffer *b, size_t count)
{
	bool zero = true;

	while (count-- > 0)
		zero = buffer_get_u8(b) == 0 && zero;
	return zero;
}

static int decode_body(struct buffer *b, struct auth_state *s)
{
	uint32_t flags = 0;

	s->generation = buffer_get_u64(b);
	flags = buffer_get_u32(b);
	s->locked = (flags & FLAG_LOCKED) != 0;
	s->uid = buffer_get_u32(b);
	s->algorithm = buffer_get_u8(b);
	s->digits = buffer_get_u8(b);
	s->step = buffer_get_u16(b);
	s->last_step = buffer_get_u64(b);
	s->failures = buffer_get_u32(b);
	s->enrolled_at = (int64_t)buffer_get_u64(b);
	s->last_used = (int64_t)buffer_get_u64(b);
	s->secret_length = buffer_get_u8(b);
	for (size_t i = 0; i < AUTH_SECRET_MAX; i++)
		s->secret[i] = buffer_get_u8(b);
	if ((flags & ~(uint32_t)FLAG_LOCKED) != 0 || !is_allowed(s))
		return ERR_FORMAT;
	return are_zero(b, b->length - b->offset) ? buffer_end(b) : ERR_FORMAT;
}

static bool is_blank(const uint8_t record[static AUTH_RECORD_SIZE])
{
	uint8_t any = 0;

	for (size_t i = 0; i < AUTH_RECORD_SIZE; i++)
		any |= record[i];
	return any == 0;
}

static int decode(
        const uint8_t record[static AUTH_RECORD_SIZE], unsigned slot, struct auth_state *s)
{
	struct buffer b = buffer_from(record, DIGEST_AT);
	uint8_t digest[SHA256_SIZE];
	int error = 0;

	if (is_blank(record))
		return ERR_NOT_FOUND;
	error = encode_sha256(record, DIGEST_AT, digest);
	if (error != 0)
		return error;
	if (memcmp(digest, record + DIGEST_AT, sizeof(digest)) != 0 || buffer_get_u32(&b) != MAGIC)
		return ERR_FORMAT;
	if (buffer_get_u16(&b) != AUTH_STATE_VERSION)
		return ERR_VERSION;
	if (buffer_get_u16(&b) != AUTH_RECORD_SIZE)
		return ERR_FORMAT;
	error = decode_body(&b, s);
	if (error == 0 && s->generation % 2 != slot)
		error = ERR_FORMAT;
	return error;
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
	if (got != sizeof(record) && !(file->decoy && got == 0))
		return ERR_FORMAT;
	error = decode(record, slot, s);
	explicit_bzero(record, sizeof(record));
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
	if (errors[0] != 0 && errors[1] != 0)
		return errors[0] == errors[1] ? errors[0] : ERR_FORMAT;
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

static int write_record(int fd, const uint8_t *record, size_t length, int64_t offset)
{
	while (length > 0) {
		ssize_t done = pwrite(fd, record, length, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_IO;
		record += done;
		offset += done;
		length -= (size_t)done;
	}
	return fdatasync(fd) == 0 ? 0 : ERR_IO;
}

int auth_state_write(const struct auth_file *file, struct auth_state *state)
{
	uint8_t record[AUTH_RECORD_SIZE];
	int error = 0;

	state->generation++;
	error = encode(state, record);
	if (error == 0)
		error = write_record(
		        file->fd, record, sizeof(record), slot_offset(file, state->generation % 2));
	explicit_bzero(record, sizeof(record));
	return error;
}

int auth_state_new(struct auth_state *state, uint8_t out[static AUTH_AREA_SIZE])
{
	memset(out, 0, AUTH_AREA_SIZE);
	state->generation = 1;
	return encode(state, out + AUTH_SLOT_STRIDE);
}

int auth_state_decoy(struct auth_state *state)
{
	*state = (struct auth_state){
	        .algorithm = AUTH_SHA1,
	        .digits = 6,
	        .step = 30,
	        .secret_length = AUTH_SECRET_MIN,
	};
	return getrandom(state->secret, AUTH_SECRET_MIN, 0) == AUTH_SECRET_MIN ? 0 : ERR_CRYPTO;
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
	uint8_t text[AUTH_SECRET_MAX + AUTH_USER_MAX + 1] = {0};
	uint8_t digest[SHA256_SIZE];
	size_t length = strnlen(user, AUTH_USER_MAX);
	unsigned area = 0;
	int error = 0;

	memcpy(text, key->secret, key->secret_length);
	memcpy(text + key->secret_length, user, length);
	error = encode_sha256(text, key->secret_length + length, digest);
	explicit_bzero(text, sizeof(text));
	area = 1 + ((unsigned)digest[0] << 8 | digest[1]) % (AUTH_DECOY_AREAS - 1);
	*base = (int64_t)area * AUTH_AREA_SIZE;
	return error;
}

int auth_state_decoy_area(int fd, const char *user, int64_t *base)
{
	const struct auth_file file = {.fd = fd, .decoy = true};
	struct auth_state key;
	int error = auth_state_lock(&file, 2000);

	*base = 0;
	if (error != 0)
		return error;
	error = read_key(&file, &key);
	auth_state_unlock(&file);
	if (error == 0)
		error = pick_area(&key, user, base);
	explicit_bzero(&key, sizeof(key));
	return error;
}
