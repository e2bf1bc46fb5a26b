#include "agent/card_client.h"

#include <stdbool.h>
#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"

enum { LOOK_TIMEOUT_MS = 15000, SIGN_TIMEOUT_MS = 30000 };

static bool kind_is_known(uint8_t kind)
{
	return kind == CARD_OF_OFFICE || kind == CARD_MY_NUMBER;
}

static bool tries_are_known(uint8_t tries)
{
	return tries >= CARD_TRIES_ALL && tries <= CARD_TRIES_NONE;
}

static int take_certificate(struct buffer *b, struct card_certificate *c)
{
	uint8_t kind = buffer_get_u8(b);
	uint8_t tries = buffer_get_u8(b);
	int error = buffer_copy_bytes(b, c->der, sizeof(c->der), &c->length);

	if (error != 0 || !kind_is_known(kind) || !tries_are_known(tries) || c->length == 0)
		return ERR_FORMAT;
	c->kind = (enum card_kind)kind;
	c->tries = (enum card_tries)tries;
	return 0;
}

static int take_view(struct buffer *b, struct card_view *view)
{
	uint8_t reader = buffer_get_u8(b);
	uint8_t count = buffer_get_u8(b);

	if (reader < CARD_PRESENT || reader > CARD_UNUSABLE || count > CARD_CERTIFICATES_MAX ||
	        (reader != CARD_PRESENT && count != 0))
		return ERR_FORMAT;
	for (size_t i = 0; i < count; i++)
		if (take_certificate(b, &view->certificates[i]) != 0)
			return ERR_FORMAT;
	view->reader = (enum card_reader)reader;
	view->count = count;
	return buffer_end(b);
}

int card_look(int fd, struct card_view *view)
{
	static uint8_t memory[CARD_FRAME_MAX + FRAME_HEADER];
	struct frame frame;
	int error = frame_send(fd, CARD_LOOK, NULL, 0, NULL, 0);

	view->count = 0;
	view->reader = CARD_UNUSABLE;
	if (error == 0)
		error = frame_receive_type(
		        fd, LOOK_TIMEOUT_MS, memory, sizeof(memory), CARD_FOUND, &frame);
	if (error == 0)
		error = take_view(&frame.payload, view);
	if (error != 0)
		view->count = 0;
	return error;
}

static int take_signature(struct buffer *b, struct card_signature *s)
{
	uint8_t answer = buffer_get_u8(b);
	uint8_t tries = buffer_get_u8(b);
	int error = buffer_copy_bytes(b, s->bytes, sizeof(s->bytes), &s->length);

	if (error != 0 || answer < CARD_ANSWER_SIGNED || answer > CARD_ANSWER_FAILED ||
	        !tries_are_known(tries))
		return ERR_FORMAT;
	s->answer = (enum card_answer)answer;
	s->tries = (enum card_tries)tries;
	return buffer_end(b);
}

static int ask_signature(
        int fd, size_t which, const char *pin, const uint8_t digest[static CARD_DIGEST_SIZE])
{
	uint8_t memory[CARD_PIN_MAX + CARD_DIGEST_SIZE + 16];
	struct buffer b = buffer_over(memory, sizeof(memory));
	int error = 0;

	buffer_put_u8(&b, (uint8_t)which);
	buffer_put_string(&b, pin);
	buffer_put_bytes(&b, digest, CARD_DIGEST_SIZE);
	error = b.error != 0 ? b.error : frame_send(fd, CARD_SIGN, b.data, b.length, NULL, 0);
	explicit_bzero(memory, sizeof(memory));
	return error;
}

int card_sign(int fd, size_t which, const char *pin, const uint8_t digest[static CARD_DIGEST_SIZE],
        struct card_signature *signature)
{
	uint8_t memory[CARD_SIGNATURE_MAX + 64];
	struct frame frame;
	int error = 0;

	*signature = (struct card_signature){.answer = CARD_ANSWER_FAILED, .tries = CARD_TRIES_ALL};
	if (pin[0] == '\0' || strlen(pin) >= CARD_PIN_MAX)
		return ERR_USAGE;
	error = ask_signature(fd, which, pin, digest);
	if (error == 0)
		error = frame_receive_type(
		        fd, SIGN_TIMEOUT_MS, memory, sizeof(memory), CARD_SIGNED, &frame);
	if (error == 0)
		error = take_signature(&frame.payload, signature);
	if (error != 0)
		*signature = (struct card_signature){
		        .answer = CARD_ANSWER_FAILED, .tries = CARD_TRIES_ALL};
	return error;
}

int card_watch(int fd)
{
	return frame_send(fd, CARD_WATCH, NULL, 0, NULL, 0);
}
