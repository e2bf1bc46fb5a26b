/*
 * The process fido2 (agent/fido2.h). A security key is hostile input to libfido2: both are met
 * here, under an id that owns nothing, and nowhere else.
 */
#include <errno.h>
#include <fido.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/fido2_client.h"
#include "agent/fido2_device.h"
#include "agent/sekisho.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"

struct asked {
	char rp[FIDO2_PIN_MAX * 2];
	char user[FIDO2_PIN_MAX];
	char pin[FIDO2_PIN_MAX];
	uint8_t hash[FIDO2_HASH_SIZE];
	struct fido2_credentials credentials;
};

/* Of the key that was opened last: hangs up when it is pulled out. */
static int presence = -1;

static void close_device(fido_dev_t **device)
{
	if (*device != NULL)
		(void)fido_dev_close(*device);
	fido_dev_free(device);
}

static unsigned tries_left(fido_dev_t *device)
{
	int tries = 0;

	if (fido_dev_get_retry_count(device, &tries) != FIDO_OK || tries < 0 ||
	        tries >= FIDO2_TRIES_UNKNOWN)
		return FIDO2_TRIES_UNKNOWN;
	return (unsigned)tries;
}

static enum fido2_state open_device(fido_dev_t **device)
{
	enum fido2_state state = FIDO2_UNUSABLE;

	if (presence >= 0)
		close(presence);
	state = fido2_device_open(device, &presence);

	if (state != FIDO2_PRESENT)
		return state;
	if (!fido_dev_is_fido2(*device) || fido_dev_set_timeout(*device, FIDO2_TOUCH_MS) != FIDO_OK)
		state = FIDO2_UNUSABLE;
	else if (!fido_dev_has_pin(*device))
		state = FIDO2_WITHOUT_PIN;
	if (state != FIDO2_PRESENT)
		close_device(device);
	return state;
}

static int answer_look(int fd)
{
	uint8_t memory[3];
	struct buffer b = buffer_over(memory, sizeof(memory));
	fido_dev_t *device = NULL;
	enum fido2_state state = open_device(&device);

	buffer_put_u8(&b, (uint8_t)state);
	buffer_put_u8(&b, (uint8_t)(device != NULL ? tries_left(device) : FIDO2_TRIES_UNKNOWN));
	buffer_put_u8(&b, device != NULL && fido_dev_has_uv(device) ? 1 : 0);
	close_device(&device);
	return frame_send(fd, FIDO2_FOUND, b.data, b.length, NULL, 0);
}

static enum fido2_answer answer_of(int code)
{
	switch (code) {
	case FIDO_OK:
		return FIDO2_DONE;
	case FIDO_ERR_PIN_INVALID:
	case FIDO_ERR_PIN_POLICY_VIOLATION:
		return FIDO2_WRONG_PIN;
	case FIDO_ERR_PIN_AUTH_BLOCKED:
		return FIDO2_BLOCKED_PIN;
	case FIDO_ERR_PIN_BLOCKED:
		return FIDO2_LOCKED_PIN;
	case FIDO_ERR_NO_CREDENTIALS:
	case FIDO_ERR_INVALID_CREDENTIAL:
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
		return FIDO2_NOT_HELD;
	case FIDO_ERR_UV_INVALID:
		return FIDO2_WRONG_FINGER;
	case FIDO_ERR_UV_BLOCKED:
		return FIDO2_BLOCKED_FINGER;
	case FIDO_ERR_ACTION_TIMEOUT:
	case FIDO_ERR_USER_ACTION_TIMEOUT:
	case FIDO_ERR_OPERATION_DENIED:
	case FIDO_ERR_KEEPALIVE_CANCEL:
		return FIDO2_UNTOUCHED;
	case FIDO_ERR_TX:
	case FIDO_ERR_RX:
		return FIDO2_GONE;
	default:
		return FIDO2_FAILED;
	}
}

static void put(uint8_t *out, size_t size, size_t *length, const uint8_t *bytes, size_t count)
{
	*length = bytes != NULL && count <= size ? count : 0;
	if (*length > 0)
		memcpy(out, bytes, *length);
}

/* The byte string (RFC 8949 §3.1) that libfido2 hands authenticator data over in. */
static void put_unwrapped(struct fido2_result *r, const uint8_t *cbor, size_t length)
{
	const size_t head = length > 0 && cbor[0] < 0x58    ? 1
	                    : length > 0 && cbor[0] == 0x58 ? 2
	                                                    : 3;

	if (cbor != NULL && length > head && cbor[0] >= 0x40 && cbor[0] <= 0x59)
		put(r->data, sizeof(r->data), &r->data_length, cbor + head, length - head);
}

static int make_credential(fido_dev_t *device, const struct asked *a, struct fido2_result *r)
{
	fido_cred_t *cred = fido_cred_new();
	int code = FIDO_ERR_INTERNAL;

	if (cred == NULL)
		return code;
	if (fido_cred_set_type(cred, COSE_ES256) != FIDO_OK ||
	        fido_cred_set_rp(cred, a->rp, "Sekisho") != FIDO_OK ||
	        fido_cred_set_user(cred, (const unsigned char *)a->user, strlen(a->user), a->user,
	                a->user, NULL) != FIDO_OK ||
	        fido_cred_set_clientdata_hash(cred, a->hash, sizeof(a->hash)) != FIDO_OK)
		goto out;
	for (size_t i = 0; i < a->credentials.count; i++)
		if (fido_cred_exclude(cred, a->credentials.list[i].bytes,
		            a->credentials.list[i].length) != FIDO_OK)
			goto out;
	code = fido_dev_make_cred(device, cred, a->pin);
	if (code == FIDO_OK)
		put(r->data, sizeof(r->data), &r->data_length, fido_cred_authdata_raw_ptr(cred),
		        fido_cred_authdata_raw_len(cred));
out:
	fido_cred_free(&cred);
	return code;
}

/* A key that was asked for one credential alone need not say which it used (CTAP 2.1 §6.2.2). */
static void put_credential(
        struct fido2_result *r, const fido_assert_t *assertion, const struct asked *a)
{
	put(r->credential.bytes, sizeof(r->credential.bytes), &r->credential.length,
	        fido_assert_id_ptr(assertion, 0), fido_assert_id_len(assertion, 0));
	if (r->credential.length == 0 && a->credentials.count == 1)
		r->credential = a->credentials.list[0];
}

static int make_assertion(fido_dev_t *device, const struct asked *a, struct fido2_result *r)
{
	fido_assert_t *assertion = fido_assert_new();
	int code = FIDO_ERR_INTERNAL;

	if (assertion == NULL)
		return code;
	if (fido_assert_set_rp(assertion, a->rp) != FIDO_OK ||
	        fido_assert_set_clientdata_hash(assertion, a->hash, sizeof(a->hash)) != FIDO_OK)
		goto out;
	for (size_t i = 0; i < a->credentials.count; i++)
		if (fido_assert_allow_cred(assertion, a->credentials.list[i].bytes,
		            a->credentials.list[i].length) != FIDO_OK)
			goto out;
	if (a->pin[0] == '\0' && fido_assert_set_uv(assertion, FIDO_OPT_TRUE) != FIDO_OK)
		goto out;
	code = fido_dev_get_assert(device, assertion, a->pin[0] != '\0' ? a->pin : NULL);
	if (code == FIDO_OK && fido_assert_count(assertion) != 1)
		code = FIDO_ERR_INTERNAL;
	if (code != FIDO_OK)
		goto out;
	put_credential(r, assertion, a);
	put_unwrapped(
	        r, fido_assert_authdata_ptr(assertion, 0), fido_assert_authdata_len(assertion, 0));
	put(r->signature, sizeof(r->signature), &r->signature_length,
	        fido_assert_sig_ptr(assertion, 0), fido_assert_sig_len(assertion, 0));
out:
	fido_assert_free(&assertion);
	return code;
}

static int take_asked(struct buffer *b, struct asked *a)
{
	const uint8_t *hash = NULL;
	size_t length = 0;

	buffer_get_string(b, a->rp, sizeof(a->rp));
	buffer_get_string(b, a->user, sizeof(a->user));
	buffer_get_string(b, a->pin, sizeof(a->pin));
	hash = buffer_get_bytes(b, &length);
	if (b->error != 0 || length != sizeof(a->hash))
		return ERR_FORMAT;
	memcpy(a->hash, hash, sizeof(a->hash));
	a->credentials.count = buffer_get_u8(b);
	if (a->credentials.count > FIDO2_CREDENTIALS_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < a->credentials.count; i++) {
		struct fido2_credential *c = &a->credentials.list[i];
		const uint8_t *bytes = buffer_get_bytes(b, &c->length);

		if (b->error != 0 || c->length == 0 || c->length > sizeof(c->bytes))
			return ERR_FORMAT;
		memcpy(c->bytes, bytes, c->length);
	}
	return buffer_end(b);
}

static void do_asked(uint16_t type, const struct asked *a, struct fido2_result *r)
{
	fido_dev_t *device = NULL;
	enum fido2_state state = open_device(&device);
	unsigned before = 0;

	r->answer = state == FIDO2_ABSENT ? FIDO2_GONE : FIDO2_FAILED;
	if (state != FIDO2_PRESENT)
		return;
	before = tries_left(device);
	r->answer = answer_of(
	        type == FIDO2_MAKE ? make_credential(device, a, r) : make_assertion(device, a, r));
	if (r->answer != FIDO2_GONE)
		r->tries = tries_left(device);
	/* The wrong PIN that made it blocked or locked was one, too. */
	if ((r->answer == FIDO2_BLOCKED_PIN || r->answer == FIDO2_LOCKED_PIN) && r->tries < before)
		r->answer = FIDO2_WRONG_PIN;
	close_device(&device);
}

static int answer_asked(int fd, uint16_t type, struct buffer *b)
{
	static struct asked a;
	static struct fido2_result r;
	uint8_t memory[FIDO2_FRAME_MAX];
	struct buffer out = buffer_over(memory, sizeof(memory));
	int error = 0;

	a = (struct asked){0};
	r = (struct fido2_result){.tries = FIDO2_TRIES_UNKNOWN};
	error = take_asked(b, &a);
	if (error == 0 && type == FIDO2_MAKE && a.pin[0] == '\0')
		error = ERR_FORMAT;
	if (error == 0)
		do_asked(type, &a, &r);
	explicit_bzero(&a, sizeof(a));
	if (error != 0)
		return error;
	buffer_put_u8(&out, (uint8_t)r.answer);
	buffer_put_u8(&out, (uint8_t)r.tries);
	if (type == FIDO2_ASSERT)
		buffer_put_bytes(&out, r.credential.bytes, r.credential.length);
	buffer_put_bytes(&out, r.data, r.data_length);
	if (type == FIDO2_ASSERT)
		buffer_put_bytes(&out, r.signature, r.signature_length);
	if (out.error != 0)
		return out.error;
	return frame_send(fd, type == FIDO2_MAKE ? FIDO2_MADE : FIDO2_ASSERTED, out.data,
	        out.length, NULL, 0);
}

/* Main ends this process when nobody needs it any more. */
_Noreturn static void watch(void)
{
	struct pollfd key = {.fd = presence};

	while (poll(&key, 1, -1) < 0 && errno == EINTR)
		;
	_exit(EXIT_YES);
}

static int serve(int fd)
{
	static uint8_t memory[FIDO2_FRAME_MAX];
	struct frame frame;
	int error = frame_receive(fd, -1, memory, sizeof(memory), &frame);

	if (error != 0)
		return error;
	if (frame.fd_count != 0)
		error = ERR_FORMAT;
	frame_close_fds(&frame);
	if (error == 0 && frame.type == FIDO2_LOOK)
		error = buffer_end(&frame.payload) != 0 ? ERR_FORMAT : answer_look(fd);
	else if (error == 0 && frame.type == FIDO2_WATCH && buffer_end(&frame.payload) == 0 &&
	         presence >= 0)
		watch();
	else if (error == 0 && (frame.type == FIDO2_MAKE || frame.type == FIDO2_ASSERT))
		error = answer_asked(fd, frame.type, &frame.payload);
	else
		error = ERR_FORMAT;
	explicit_bzero(memory, sizeof(memory));
	return error;
}

int main(int argc, char **argv)
{
	struct child child;
	int error = 0;

	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	if (child_start(argc, argv, ROLE_FIDO2, &child) != 0)
		return EXIT_USAGE;
	while (error == 0)
		error = serve(child.channel.main_fd);
	return error == ERR_CLOSED ? EXIT_YES : EXIT_NO;
}
