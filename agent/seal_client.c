#include "agent/seal_client.h"

#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"

const char *seal_way_name(enum seal_way way)
{
	return way == SEAL_BY_TPM ? "tpm" : "host";
}

const char *seal_answer_name(enum seal_answer answer)
{
	switch (answer) {
	case SEAL_AWAY:
		return "away";
	case SEAL_FOREIGN:
		return "foreign";
	case SEAL_OPEN:
	case SEAL_BROKEN:
	case SEAL_ANSWER_END:
		break;
	}
	return "broken";
}

const char *seal_answer_text(enum seal_answer answer)
{
	switch (answer) {
	case SEAL_AWAY:
		return LANGUAGE("登録情報を封印したTPMがないか、応答しません。",
		        "The TPM that sealed the enrolled secrets is not there, or refuses.");
	case SEAL_FOREIGN:
		return LANGUAGE("登録情報は別のTPMで封印されているか、TPMが消去されています。",
		        "The enrolled secrets were sealed by another TPM, or this one was "
		        "cleared.");
	case SEAL_OPEN:
	case SEAL_BROKEN:
	case SEAL_ANSWER_END:
		break;
	}
	return LANGUAGE("登録情報の鍵を読み取れません。",
	        "The key of the enrolled secrets cannot be read.");
}

static int take_key(struct buffer *b, struct storage_key *key)
{
	size_t length = 0;
	size_t id_length = 0;

	(void)buffer_copy_bytes(b, key->bytes, sizeof(key->bytes), &length);
	(void)buffer_copy_bytes(b, key->id, sizeof(key->id), &id_length);
	if (b->error != 0 || length != sizeof(key->bytes) || id_length != sizeof(key->id))
		return ERR_FORMAT;
	return 0;
}

static int take_answer(struct buffer *b, struct storage_key *key, struct seal_result *result)
{
	unsigned answer = buffer_get_u8(b);
	unsigned way = SEAL_BY_HOST;
	unsigned deed = SEAL_FOUND;

	if (answer < SEAL_OPEN || answer >= SEAL_ANSWER_END)
		return ERR_FORMAT;
	if (answer == SEAL_OPEN) {
		way = buffer_get_u8(b);
		deed = buffer_get_u8(b);
		if (way < SEAL_BY_TPM || way >= SEAL_WAY_END || deed < SEAL_FOUND ||
		        deed >= SEAL_DEED_END || take_key(b, key) != 0)
			return ERR_FORMAT;
	}
	*result = (struct seal_result){
	        (enum seal_answer)answer, (enum seal_way)way, (enum seal_deed)deed};
	return buffer_end(b);
}

int seal_ask(int fd, int timeout_ms, struct storage_key *key, struct seal_result *result)
{
	uint8_t memory[SEAL_FRAME_MAX];
	struct frame frame;
	struct storage_key taken;
	int error = frame_send(fd, SEAL_ASK, NULL, 0, NULL, 0);

	*result = (struct seal_result){.answer = SEAL_AWAY};
	if (error == 0)
		error = frame_receive_type(
		        fd, timeout_ms, memory, sizeof(memory), SEAL_ANSWER, &frame);
	if (error == 0)
		error = take_answer(&frame.payload, &taken, result);
	if (error != 0)
		result->answer = SEAL_AWAY;
	if (result->answer == SEAL_OPEN)
		*key = taken;
	explicit_bzero(&taken, sizeof(taken));
	explicit_bzero(memory, sizeof(memory));
	return error;
}
