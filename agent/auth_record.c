#include "agent/auth_record.h"

#include <string.h>
#include <sys/random.h>

#include "agent/storage_key.h"
#include "core/buffer.h"
#include "core/error.h"

/* Of a record as it is sealed, and before it is (agent/auth_state.h): the same up to the
 * generation. */
enum {
	MAGIC = 0x534b4155,
	FLAG_LOCKED = 1,
	OPEN_SIZE = 16,
	HEADER_SIZE = 64,
	TOKEN_SIZE = 640,
	AT_KEY = OPEN_SIZE,
	AT_NONCE = AT_KEY + STORAGE_KEY_ID_SIZE,
	AT_SEALED = AT_NONCE + STORAGE_NONCE_SIZE,
	AT_TAG = AUTH_RECORD_SIZE - STORAGE_TAG_SIZE,
	SEALED_SIZE = AT_TAG - AT_SEALED,
	PLAIN_END = OPEN_SIZE + SEALED_SIZE,
	PLACE_SIZE = AT_SEALED + 8 + 4 + AUTH_USER_MAX,
};

static void put_raw(struct buffer *b, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		buffer_put_u8(b, at[i]);
}

static void get_raw(struct buffer *b, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		at[i] = buffer_get_u8(b);
}

/* Text up to its NUL; what stands after it in memory goes nowhere. */
static void put_text(struct buffer *b, const char *text, size_t size)
{
	size_t length = strnlen(text, size - 1);

	put_raw(b, text, length);
	for (size_t i = length; i < size; i++)
		buffer_put_u8(b, 0);
}

static bool get_text(struct buffer *b, char *text, size_t size)
{
	size_t length = 0;

	get_raw(b, text, size);
	length = strnlen(text, size);
	for (size_t i = length; i < size; i++)
		if (text[i] != '\0')
			return false;
	return length < size;
}

static bool rest_is_zero(struct buffer *b)
{
	uint8_t any = 0;

	while (b->offset < b->length)
		any |= buffer_get_u8(b);
	return any == 0;
}

static void put_otp(struct buffer *b, const struct token_otp *o)
{
	uint8_t secret[TOKEN_SECRET_MAX] = {0};

	memcpy(secret, o->secret, o->secret_length);
	buffer_put_u8(b, o->algorithm);
	buffer_put_u8(b, o->digits);
	buffer_put_u16(b, o->step);
	buffer_put_u64(b, o->counter);
	buffer_put_u64(b, o->resync);
	buffer_put_u8(b, (uint8_t)o->secret_length);
	put_raw(b, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
}

static void get_otp(struct buffer *b, struct token_otp *o)
{
	o->algorithm = buffer_get_u8(b);
	o->digits = buffer_get_u8(b);
	o->step = buffer_get_u16(b);
	o->counter = buffer_get_u64(b);
	o->resync = buffer_get_u64(b);
	o->secret_length = buffer_get_u8(b);
	get_raw(b, o->secret, TOKEN_SECRET_MAX);
}

static void put_key(struct buffer *b, const struct token_key *k)
{
	uint8_t credential[TOKEN_CREDENTIAL_MAX] = {0};

	memcpy(credential, k->credential, k->credential_length);
	buffer_put_u16(b, (uint16_t)k->credential_length);
	put_raw(b, credential, sizeof(credential));
	put_raw(b, k->point, sizeof(k->point));
	buffer_put_u32(b, k->counter);
}

static void get_key(struct buffer *b, struct token_key *k)
{
	k->credential_length = buffer_get_u16(b);
	get_raw(b, k->credential, sizeof(k->credential));
	get_raw(b, k->point, sizeof(k->point));
	k->counter = buffer_get_u32(b);
}

static void put_token(const struct auth_token *t, uint8_t out[static TOKEN_SIZE])
{
	struct buffer b = buffer_over(out, TOKEN_SIZE);

	buffer_put_u16(&b, t->id);
	buffer_put_u8(&b, (uint8_t)t->kind);
	buffer_put_u8(&b, 0);
	buffer_put_u64(&b, (uint64_t)t->enrolled_at);
	buffer_put_u64(&b, (uint64_t)t->last_used);
	put_text(&b, t->by, sizeof(t->by));
	put_text(&b, t->label, sizeof(t->label));
	if (token_is_otp(t))
		put_otp(&b, &t->otp);
	else if (t->kind == TOKEN_KEY)
		put_key(&b, &t->key);
	else
		put_raw(&b, t->card.fingerprint, TOKEN_FINGERPRINT_SIZE);
}

/* false: neither a token nor a free place. */
static bool get_token(const uint8_t in[static TOKEN_SIZE], struct auth_token *t)
{
	struct buffer b = buffer_from(in, TOKEN_SIZE);

	t->id = buffer_get_u16(&b);
	t->kind = (enum token_kind)buffer_get_u8(&b);
	if (t->kind == TOKEN_NONE)
		return t->id == 0 && rest_is_zero(&b);
	if (buffer_get_u8(&b) != 0)
		return false;
	t->enrolled_at = (int64_t)buffer_get_u64(&b);
	t->last_used = (int64_t)buffer_get_u64(&b);
	if (!get_text(&b, t->by, sizeof(t->by)) || !get_text(&b, t->label, sizeof(t->label)))
		return false;
	if (token_is_otp(t))
		get_otp(&b, &t->otp);
	else if (t->kind == TOKEN_KEY)
		get_key(&b, &t->key);
	else
		get_raw(&b, t->card.fingerprint, TOKEN_FINGERPRINT_SIZE);
	return token_is_allowed(t) && rest_is_zero(&b);
}

static size_t token_offset(size_t place)
{
	return HEADER_SIZE + place * TOKEN_SIZE;
}

static bool ids_are_allowed(const struct auth_state *s)
{
	size_t count = 0;

	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++) {
		if (s->tokens[i].kind == TOKEN_NONE)
			continue;
		count++;
		if (s->tokens[i].id >= s->next_id)
			return false;
		for (size_t j = 0; j < i; j++)
			if (s->tokens[j].kind != TOKEN_NONE && s->tokens[j].id == s->tokens[i].id)
				return false;
	}
	return count > 0;
}

static void put_person(struct buffer *b, const struct auth_person *p)
{
	buffer_put_u8(b, (uint8_t)p->class);
	buffer_put_u32(b, (uint32_t)p->first_day);
	buffer_put_u32(b, (uint32_t)p->last_day);
}

static void get_person(struct buffer *b, struct auth_person *p)
{
	p->class = (enum person_class)buffer_get_u8(b);
	p->first_day = (int32_t)buffer_get_u32(b);
	p->last_day = (int32_t)buffer_get_u32(b);
}

static void put_visit(struct buffer *b, const struct auth_state *s)
{
	buffer_put_u64(b, (uint64_t)s->session_at);
	buffer_put_u64(b, (uint64_t)s->visit.at);
	put_text(b, s->visit.service, sizeof(s->visit.service));
	put_text(b, s->visit.tty, sizeof(s->visit.tty));
}

static bool get_visit(struct buffer *b, struct auth_state *s)
{
	s->session_at = (int64_t)buffer_get_u64(b);
	s->visit.at = (int64_t)buffer_get_u64(b);
	return get_text(b, s->visit.service, sizeof(s->visit.service)) &&
	       get_text(b, s->visit.tty, sizeof(s->visit.tty));
}

static void put_voucher(struct buffer *b, const struct auth_voucher *v)
{
	buffer_put_u32(b, (uint32_t)v->day);
	buffer_put_u64(b, (uint64_t)v->used_at);
	put_raw(b, v->id, sizeof(v->id));
	put_raw(b, v->salt, sizeof(v->salt));
	put_raw(b, v->hash, sizeof(v->hash));
}

static void get_voucher(struct buffer *b, struct auth_voucher *v)
{
	v->day = (int32_t)buffer_get_u32(b);
	v->used_at = (int64_t)buffer_get_u64(b);
	get_raw(b, v->id, sizeof(v->id));
	get_raw(b, v->salt, sizeof(v->salt));
	get_raw(b, v->hash, sizeof(v->hash));
}

static bool voucher_is_allowed(const struct auth_voucher *v)
{
	static const uint8_t none[VOUCHER_HASH_SIZE];

	if (v->day == 0)
		return v->used_at == 0 && memcmp(v->id, none, sizeof(v->id)) == 0 &&
		       memcmp(v->salt, none, sizeof(v->salt)) == 0 &&
		       memcmp(v->hash, none, sizeof(v->hash)) == 0;
	return v->day > 0 && v->day <= PERSON_DAY_MAX && v->used_at >= 0;
}

static bool is_allowed(const struct auth_state *s)
{
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (s->tokens[i].kind != TOKEN_NONE && !token_is_allowed(&s->tokens[i]))
			return false;
	return s->generation > 0 && voucher_is_allowed(&s->voucher) &&
	       person_is_allowed(&s->person) && ids_are_allowed(s);
}

static int plain_encode(const struct auth_state *s, uint8_t out[static PLAIN_END])
{
	struct buffer b = buffer_over(out, HEADER_SIZE);
	struct buffer rest = buffer_over(
	        out + token_offset(AUTH_TOKENS_MAX), PLAIN_END - token_offset(AUTH_TOKENS_MAX));

	if (!is_allowed(s))
		return ERR_FORMAT;
	memset(out, 0, PLAIN_END);
	buffer_put_u32(&b, MAGIC);
	buffer_put_u16(&b, AUTH_STATE_VERSION);
	buffer_put_u16(&b, AUTH_RECORD_SIZE);
	buffer_put_u64(&b, s->generation);
	buffer_put_u32(&b, s->locked ? FLAG_LOCKED : 0);
	buffer_put_u32(&b, s->uid);
	buffer_put_u32(&b, s->failures);
	buffer_put_u16(&b, s->next_id);
	put_person(&b, &s->person);
	put_visit(&rest, s);
	put_voucher(&rest, &s->voucher);
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (s->tokens[i].kind != TOKEN_NONE)
			put_token(&s->tokens[i], out + token_offset(i));
	return b.error != 0 ? b.error : rest.error;
}

/* What a record is bound to: all of it that stays readable, and where it lies. */
static struct storage_bytes place_of(
        const struct auth_file *file, const uint8_t *record, uint8_t memory[static PLACE_SIZE])
{
	struct buffer b = buffer_over(memory, PLACE_SIZE);

	put_raw(&b, record, AT_SEALED);
	buffer_put_u64(&b, (uint64_t)file->base);
	buffer_put_string(&b, file->decoy ? "" : file->user);
	return (struct storage_bytes){b.data, b.length};
}

int auth_record_encode(const struct auth_file *file, const struct auth_state *s,
        uint8_t out[static AUTH_RECORD_SIZE])
{
	uint8_t plain[PLAIN_END];
	uint8_t memory[PLACE_SIZE];
	int error = file->key != NULL ? plain_encode(s, plain) : ERR_SEALED;

	if (error != 0)
		return error;
	memcpy(out, plain, OPEN_SIZE);
	memcpy(out + AT_KEY, file->key->id, STORAGE_KEY_ID_SIZE);
	if (getrandom(out + AT_NONCE, STORAGE_NONCE_SIZE, 0) == STORAGE_NONCE_SIZE)
		error = storage_encrypt(file->key, out + AT_NONCE, place_of(file, out, memory),
		        (struct storage_bytes){plain + OPEN_SIZE, SEALED_SIZE}, out + AT_SEALED,
		        out + AT_TAG);
	else
		error = ERR_CRYPTO;
	explicit_bzero(plain, sizeof(plain));
	return error;
}

static int plain_decode(const uint8_t plain[static PLAIN_END], struct auth_state *s)
{
	const size_t end = token_offset(AUTH_TOKENS_MAX);
	struct buffer header = buffer_from(plain + OPEN_SIZE, HEADER_SIZE - OPEN_SIZE);
	struct buffer rest = buffer_from(plain + end, PLAIN_END - end);
	struct buffer *b = &header;
	uint32_t flags = 0;

	flags = buffer_get_u32(b);
	s->locked = (flags & FLAG_LOCKED) != 0;
	s->uid = buffer_get_u32(b);
	s->failures = buffer_get_u32(b);
	s->next_id = buffer_get_u16(b);
	get_person(b, &s->person);
	if ((flags & ~(uint32_t)FLAG_LOCKED) != 0 || !rest_is_zero(b) || !get_visit(&rest, s))
		return ERR_FORMAT;
	get_voucher(&rest, &s->voucher);
	if (!rest_is_zero(&rest))
		return ERR_FORMAT;
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (!get_token(plain + token_offset(i), &s->tokens[i]))
			return ERR_FORMAT;
	return is_allowed(s) ? 0 : ERR_FORMAT;
}

static bool is_blank(const uint8_t *bytes, size_t length)
{
	uint8_t any = 0;

	for (size_t i = 0; i < length; i++)
		any |= bytes[i];
	return any == 0;
}

/* What can be read of a record without the key. */
static int open_decode(
        const uint8_t record[static AUTH_RECORD_SIZE], unsigned slot, struct auth_state *s)
{
	struct buffer b = buffer_from(record, OPEN_SIZE);

	if (is_blank(record, AUTH_RECORD_SIZE))
		return ERR_NOT_FOUND;
	if (buffer_get_u32(&b) != MAGIC)
		return ERR_FORMAT;
	if (buffer_get_u16(&b) != AUTH_STATE_VERSION)
		return ERR_VERSION;
	if (buffer_get_u16(&b) != AUTH_RECORD_SIZE)
		return ERR_FORMAT;
	s->generation = buffer_get_u64(&b);
	return s->generation % 2 == slot ? 0 : ERR_FORMAT;
}

int auth_record_decode(const struct auth_file *file, const uint8_t record[static AUTH_RECORD_SIZE],
        unsigned slot, struct auth_state *s)
{
	uint8_t plain[PLAIN_END];
	uint8_t memory[PLACE_SIZE];
	int error = open_decode(record, slot, s);

	if (error != 0)
		return error;
	if (file->key == NULL || memcmp(record + AT_KEY, file->key->id, STORAGE_KEY_ID_SIZE) != 0)
		return ERR_SEALED;
	error = storage_decrypt(file->key, record + AT_NONCE, place_of(file, record, memory),
	        (struct storage_bytes){record + AT_SEALED, SEALED_SIZE}, record + AT_TAG,
	        plain + OPEN_SIZE);
	if (error == 0)
		error = plain_decode(plain, s);
	explicit_bzero(plain, sizeof(plain));
	return error;
}
