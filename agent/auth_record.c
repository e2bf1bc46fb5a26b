#include "agent/auth_record.h"

#include <string.h>

#include "core/buffer.h"
#include "core/encode.h"
#include "core/error.h"

enum {
	MAGIC = 0x534b4155,
	FLAG_LOCKED = 1,
	HEADER_SIZE = 64,
	TOKEN_SIZE = 640,
	OLD_VERSION = 1,
	OLD_SIZE = 256,
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

int auth_record_encode(const struct auth_state *s, uint8_t out[static AUTH_RECORD_SIZE])
{
	const size_t digest_at = AUTH_RECORD_SIZE - SHA256_SIZE;
	struct buffer b = buffer_over(out, HEADER_SIZE);
	struct buffer rest = buffer_over(
	        out + token_offset(AUTH_TOKENS_MAX), digest_at - token_offset(AUTH_TOKENS_MAX));

	if (!is_allowed(s))
		return ERR_FORMAT;
	memset(out, 0, AUTH_RECORD_SIZE);
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
	return encode_sha256(out, digest_at, out + digest_at);
}

static int decode_body(const uint8_t *record, struct buffer *b, struct auth_state *s)
{
	const size_t end = token_offset(AUTH_TOKENS_MAX);
	struct buffer rest = buffer_from(record + end, AUTH_RECORD_SIZE - SHA256_SIZE - end);
	uint32_t flags = 0;

	s->generation = buffer_get_u64(b);
	flags = buffer_get_u32(b);
	s->locked = (flags & FLAG_LOCKED) != 0;
	s->uid = buffer_get_u32(b);
	s->failures = buffer_get_u32(b);
	s->next_id = buffer_get_u16(b);
	get_person(b, &s->person);
	b->length = HEADER_SIZE;
	if ((flags & ~(uint32_t)FLAG_LOCKED) != 0 || !rest_is_zero(b) || !get_visit(&rest, s))
		return ERR_FORMAT;
	get_voucher(&rest, &s->voucher);
	if (!rest_is_zero(&rest))
		return ERR_FORMAT;
	for (size_t i = 0; i < AUTH_TOKENS_MAX; i++)
		if (!get_token(record + token_offset(i), &s->tokens[i]))
			return ERR_FORMAT;
	return is_allowed(s) ? 0 : ERR_FORMAT;
}

static int decode_old_body(struct buffer *b, struct auth_state *s)
{
	struct auth_token *t = &s->tokens[0];
	uint32_t flags = 0;

	s->next_id = 2;
	s->generation = buffer_get_u64(b);
	flags = buffer_get_u32(b);
	s->locked = (flags & FLAG_LOCKED) != 0;
	s->uid = buffer_get_u32(b);
	t->id = 1;
	t->kind = TOKEN_TOTP;
	t->otp.algorithm = buffer_get_u8(b);
	t->otp.digits = buffer_get_u8(b);
	t->otp.step = buffer_get_u16(b);
	t->otp.counter = buffer_get_u64(b);
	s->failures = buffer_get_u32(b);
	t->enrolled_at = (int64_t)buffer_get_u64(b);
	t->last_used = (int64_t)buffer_get_u64(b);
	t->otp.secret_length = buffer_get_u8(b);
	get_raw(b, t->otp.secret, TOKEN_SECRET_MAX);
	if ((flags & ~(uint32_t)FLAG_LOCKED) != 0 || !is_allowed(s))
		return ERR_FORMAT;
	return rest_is_zero(b) ? 0 : ERR_FORMAT;
}

static bool is_blank(const uint8_t *bytes, size_t length)
{
	uint8_t any = 0;

	for (size_t i = 0; i < length; i++)
		any |= bytes[i];
	return any == 0;
}

/* Its own size says where the digest stands, so that a whole record of another version is known as
 * one. */
static int check_frame(const uint8_t *record, struct buffer *b, uint16_t *version, size_t *size)
{
	uint8_t digest[SHA256_SIZE];
	int error = 0;

	if (buffer_get_u32(b) != MAGIC)
		return ERR_FORMAT;
	*version = buffer_get_u16(b);
	*size = buffer_get_u16(b);
	if (*size < OLD_SIZE || *size > AUTH_RECORD_SIZE)
		return ERR_FORMAT;
	error = encode_sha256(record, *size - SHA256_SIZE, digest);
	if (error != 0)
		return error;
	if (memcmp(digest, record + *size - SHA256_SIZE, sizeof(digest)) != 0)
		return ERR_FORMAT;
	return 0;
}

int auth_record_decode(
        const uint8_t record[static AUTH_RECORD_SIZE], unsigned slot, struct auth_state *s)
{
	struct buffer b = buffer_from(record, AUTH_RECORD_SIZE);
	uint16_t version = 0;
	size_t size = 0;
	int error = 0;

	if (is_blank(record, AUTH_RECORD_SIZE))
		return ERR_NOT_FOUND;
	error = check_frame(record, &b, &version, &size);
	if (error != 0)
		return error;
	b.length = size - SHA256_SIZE;
	if (version == AUTH_STATE_VERSION && size == AUTH_RECORD_SIZE)
		error = decode_body(record, &b, s);
	else if (version == OLD_VERSION && size == OLD_SIZE)
		error = is_blank(record + size, AUTH_RECORD_SIZE - size) ? decode_old_body(&b, s)
		                                                         : ERR_FORMAT;
	else
		return version > AUTH_STATE_VERSION || version == 0 ? ERR_VERSION : ERR_FORMAT;
	if (error == 0 && s->generation % 2 != slot)
		error = ERR_FORMAT;
	return error;
}
