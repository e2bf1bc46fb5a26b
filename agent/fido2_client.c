#include "agent/fido2_client.h"

#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"

enum { LOOK_TIMEOUT_MS = 15000, TOUCH_TIMEOUT_MS = FIDO2_TOUCH_MS + 15000 };

const char *fido2_state_text(enum fido2_state state)
{
	switch (state) {
	case FIDO2_ABSENT:
		return LANGUAGE("セキュリティキーが見つかりません。", "There is no security key.");
	case FIDO2_SEVERAL:
		return LANGUAGE("セキュリティキーを一つだけ挿してください。",
		        "Leave only one security key in.");
	case FIDO2_WITHOUT_PIN:
		return LANGUAGE("このセキュリティキーには暗証番号が設定されていません。",
		        "This security key has no PIN yet.");
	case FIDO2_UNUSABLE:
	case FIDO2_PRESENT:
		break;
	}
	return LANGUAGE("このセキュリティキーは使えません。", "This security key cannot be used.");
}

const char *fido2_answer_text(enum fido2_answer answer)
{
	switch (answer) {
	case FIDO2_WRONG_PIN:
		return LANGUAGE("暗証番号が違います。", "Wrong PIN.");
	case FIDO2_BLOCKED_PIN:
		return LANGUAGE("セキュリティキーを一度抜いて、挿し直してからやり直してください。",
		        "Take the security key out, put it in again, and try again.");
	case FIDO2_LOCKED_PIN:
		return LANGUAGE("セキュリティキーがロックされました。情報システム管理者に連絡してく"
		                "ださい。",
		        "The security key is locked; ask the administrator.");
	case FIDO2_WRONG_FINGER:
		return LANGUAGE("指紋が違います。", "Wrong fingerprint.");
	case FIDO2_BLOCKED_FINGER:
		return LANGUAGE("指紋は今は使えません。暗証番号を入力してください。",
		        "No fingerprint is read now; type the PIN.");
	case FIDO2_UNTOUCHED:
		return LANGUAGE("セキュリティキーに触れませんでした。もう一度やり直してください。",
		        "The security key was not touched; try again.");
	case FIDO2_GONE:
		return LANGUAGE(
		        "セキュリティキーが抜かれました。もう一度挿してやり直してください。",
		        "The security key was taken out; put it in and try again.");
	case FIDO2_FAILED:
		return LANGUAGE("セキュリティキーが応答しません。挿し直してください。",
		        "The security key does not answer; put it in again.");
	case FIDO2_NOT_HELD:
	case FIDO2_DONE:
		break;
	}
	return LANGUAGE("このセキュリティキーでは、この利用者としてログインできません。",
	        "This security key does not log in this user.");
}

int fido2_look(int fd, struct fido2_found *found)
{
	uint8_t memory[64];
	struct frame frame;
	uint8_t state = 0;
	uint8_t fingerprint = 0;
	int error = frame_send(fd, FIDO2_LOOK, NULL, 0, NULL, 0);

	*found = (struct fido2_found){FIDO2_UNUSABLE, FIDO2_TRIES_UNKNOWN, false};
	if (error == 0)
		error = frame_receive_type(
		        fd, LOOK_TIMEOUT_MS, memory, sizeof(memory), FIDO2_FOUND, &frame);
	if (error != 0)
		return error;
	state = buffer_get_u8(&frame.payload);
	found->tries = buffer_get_u8(&frame.payload);
	fingerprint = buffer_get_u8(&frame.payload);
	if (buffer_end(&frame.payload) != 0 || state < FIDO2_PRESENT || state > FIDO2_UNUSABLE ||
	        fingerprint > 1)
		return ERR_FORMAT;
	found->fingerprint = fingerprint == 1;
	found->state = (enum fido2_state)state;
	return 0;
}

static int send_request(int fd, uint16_t type, const struct fido2_request *r)
{
	uint8_t memory[FIDO2_FRAME_MAX];
	struct buffer b = buffer_over(memory, sizeof(memory));
	int error = 0;

	buffer_put_string(&b, r->rp);
	buffer_put_string(&b, r->user);
	buffer_put_string(&b, r->pin);
	buffer_put_bytes(&b, r->hash, FIDO2_HASH_SIZE);
	buffer_put_u8(&b, (uint8_t)r->credentials.count);
	for (size_t i = 0; i < r->credentials.count; i++)
		buffer_put_bytes(&b, r->credentials.list[i].bytes, r->credentials.list[i].length);
	error = b.error != 0 ? b.error : frame_send(fd, type, b.data, b.length, NULL, 0);
	explicit_bzero(memory, sizeof(memory));
	return error;
}

static int take_result(struct buffer *b, uint16_t type, struct fido2_result *r)
{
	uint8_t answer = buffer_get_u8(b);
	struct fido2_credential *c = &r->credential;

	r->tries = buffer_get_u8(b);
	if (type == FIDO2_ASSERTED &&
	        buffer_copy_bytes(b, c->bytes, sizeof(c->bytes), &c->length) != 0)
		return ERR_FORMAT;
	if (buffer_copy_bytes(b, r->data, sizeof(r->data), &r->data_length) != 0)
		return ERR_FORMAT;
	if (type == FIDO2_ASSERTED &&
	        buffer_copy_bytes(b, r->signature, sizeof(r->signature), &r->signature_length) != 0)
		return ERR_FORMAT;
	if (buffer_end(b) != 0 || answer < FIDO2_DONE || answer > FIDO2_FAILED)
		return ERR_FORMAT;
	r->answer = (enum fido2_answer)answer;
	return 0;
}

static int ask(int fd, uint16_t type, uint16_t answer_type, const struct fido2_request *request,
        struct fido2_result *result)
{
	uint8_t memory[FIDO2_FRAME_MAX];
	struct frame frame;
	int error = 0;

	*result = (struct fido2_result){.answer = FIDO2_FAILED, .tries = FIDO2_TRIES_UNKNOWN};
	if ((type == FIDO2_MAKE && request->pin[0] == '\0') ||
	        strlen(request->pin) >= FIDO2_PIN_MAX)
		return ERR_USAGE;
	error = send_request(fd, type, request);
	if (error == 0)
		error = frame_receive_type(
		        fd, TOUCH_TIMEOUT_MS, memory, sizeof(memory), answer_type, &frame);
	if (error == 0)
		error = take_result(&frame.payload, answer_type, result);
	if (error != 0)
		*result =
		        (struct fido2_result){.answer = FIDO2_FAILED, .tries = FIDO2_TRIES_UNKNOWN};
	return error;
}

int fido2_make(int fd, const struct fido2_request *request, struct fido2_result *result)
{
	return ask(fd, FIDO2_MAKE, FIDO2_MADE, request, result);
}

int fido2_assert(int fd, const struct fido2_request *request, struct fido2_result *result)
{
	return ask(fd, FIDO2_ASSERT, FIDO2_ASSERTED, request, result);
}

int fido2_watch(int fd)
{
	return frame_send(fd, FIDO2_WATCH, NULL, 0, NULL, 0);
}
