/*
 * The process card (agent/card.h). A module is code of somebody else's and a card is hostile input
 * to it: both are met here, under an id that owns nothing, and nowhere else.
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/card.h"
#include "agent/child.h"
#include "agent/config.h"
#include "agent/message.h"
#include "agent/paths.h"
#include "agent/sekisho.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/log.h"

enum { SLOTS_MAX = 16, ID_MAX = 128, GONE_LOOKS = 6, GONE_PAUSE_NS = 200000000 };

/* A certificate on a card, and where its key is. */
struct found {
	enum card_kind kind;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	uint8_t id[ID_MAX];
	size_t id_length;
	uint8_t certificate[CARD_CERTIFICATE_MAX];
	size_t length;
};

struct reader {
	CK_FUNCTION_LIST *module; /* NULL: unusable */
	bool rests;               /* was finalized after a signature */
	CK_SLOT_ID signer;        /* where that was */
	size_t count;
	struct found found[CARD_CERTIFICATES_MAX];
};

static void module_open(struct reader *r, int root)
{
	struct agent_config config;
	char message[160];
	unsigned line = 0;
	int error = config_read(root, &config, &line, message);

	if (error != 0 && error != ERR_NOT_FOUND) {
		log_error("%s: %s", PATH_AGENT_YAML, error_text(error));
		return;
	}
	r->module = p11_kit_module_load(config.card_module, P11_KIT_MODULE_UNMANAGED);
	if (r->module == NULL) {
		log_error("%s: %s", config.card_module, p11_kit_message());
		return;
	}
	if (p11_kit_module_initialize(r->module) == CKR_OK)
		return;
	log_error("%s: %s", config.card_module, p11_kit_message());
	p11_kit_module_release(r->module);
	r->module = NULL;
}

static enum card_tries tries_left(const struct reader *r, CK_SLOT_ID slot)
{
	CK_TOKEN_INFO token = {0};

	if (r->module->C_GetTokenInfo(slot, &token) != CKR_OK)
		return CARD_TRIES_ALL;
	if ((token.flags & CKF_USER_PIN_LOCKED) != 0)
		return CARD_TRIES_NONE;
	if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0)
		return CARD_TRIES_LAST;
	return (token.flags & CKF_USER_PIN_COUNT_LOW) != 0 ? CARD_TRIES_FEW : CARD_TRIES_ALL;
}

static bool get_attribute(const struct reader *r, CK_SESSION_HANDLE session,
        CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, size_t size, size_t *length)
{
	CK_ATTRIBUTE attribute = {type, value, size};

	if (r->module->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK ||
	        attribute.ulValueLen > size)
		return false;
	*length = attribute.ulValueLen;
	return true;
}

/* Where one card was met. */
struct place {
	enum card_kind kind;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
};

static void take_certificate(struct reader *r, const struct place *p, CK_OBJECT_HANDLE object)
{
	CK_SESSION_HANDLE session = p->session;
	struct found *f = &r->found[r->count];

	f->kind = p->kind;
	f->slot = p->slot;
	f->session = session;
	if (get_attribute(r, session, object, CKA_VALUE, f->certificate, sizeof(f->certificate),
	            &f->length) &&
	        get_attribute(r, session, object, CKA_ID, f->id, sizeof(f->id), &f->id_length) &&
	        f->length > 0 && f->id_length > 0)
		r->count++;
}

static size_t find(const struct reader *r, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
        size_t attributes, CK_OBJECT_HANDLE *objects, size_t max)
{
	CK_ULONG count = 0;

	if (r->module->C_FindObjectsInit(session, template, attributes) != CKR_OK)
		return 0;
	if (r->module->C_FindObjects(session, objects, max, &count) != CKR_OK || count > max)
		count = 0;
	(void)r->module->C_FindObjectsFinal(session);
	return count;
}

static void look_in_slot(struct reader *r, CK_SLOT_ID slot, enum card_kind kind)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_ATTRIBUTE template[] = {
	        {CKA_CLASS, &class, sizeof(class)}, {CKA_CERTIFICATE_TYPE, &type, sizeof(type)}};
	CK_OBJECT_HANDLE objects[CARD_CERTIFICATES_MAX];
	struct place place = {.kind = kind, .slot = slot};
	size_t count = 0;
	size_t before = r->count;

	if (r->module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &place.session) !=
	        CKR_OK)
		return;
	count = find(r, place.session, template, 2, objects, CARD_CERTIFICATES_MAX);
	for (size_t i = 0; i < count && r->count < CARD_CERTIFICATES_MAX; i++)
		take_certificate(r, &place, objects[i]);
	if (r->count == before)
		(void)r->module->C_CloseSession(place.session);
}

static bool says(const CK_UTF8CHAR *field, size_t size, const char *word)
{
	return memmem(field, size, word, strlen(word)) != NULL;
}

/* Tokens without a PIN are no cards, and the half of a My Number card that signs is none either:
 * its key binds its holder to a document. OpenSC makes a slot for each of the two PINs. */
static bool is_card(const struct reader *r, CK_SLOT_ID slot, enum card_kind *kind)
{
	CK_TOKEN_INFO token = {0};

	if (r->module->C_GetTokenInfo(slot, &token) != CKR_OK ||
	        (token.flags & CKF_TOKEN_INITIALIZED) == 0 ||
	        (token.flags & CKF_USER_PIN_INITIALIZED) == 0)
		return false;
	*kind = says(token.manufacturerID, sizeof(token.manufacturerID), "JPKI") ? CARD_MY_NUMBER
	                                                                         : CARD_OF_OFFICE;
	return *kind == CARD_OF_OFFICE ||
	       !says(token.label, sizeof(token.label), "Digital Signature");
}

static void forget(struct reader *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (i == 0 || r->found[i].session != r->found[i - 1].session)
			(void)r->module->C_CloseSession(r->found[i].session);
	r->count = 0;
}

/* OpenSC resets a card that it lets go (opensc.conf): whoever speaks to it next finds it without
 * the PIN, which C_Logout alone does not take back from a My Number card. From then on it must not:
 * that could be another's card, in the midst of a login. */
static void rest(struct reader *r, CK_SLOT_ID signer)
{
	forget(r);
	(void)p11_kit_module_finalize(r->module);
	(void)unsetenv("OPENSC_CONF");
	r->rests = true;
	r->signer = signer;
}

static enum card_reader look(struct reader *r)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	enum card_kind kind = CARD_OF_OFFICE;
	bool present = false;

	if (r->module == NULL || r->rests)
		return CARD_UNUSABLE;
	forget(r);
	if (r->module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count > SLOTS_MAX)
		return CARD_ABSENT;
	for (size_t i = 0; i < count && r->count < CARD_CERTIFICATES_MAX; i++) {
		if (!is_card(r, slots[i], &kind))
			continue;
		present = true;
		look_in_slot(r, slots[i], kind);
	}
	return present ? CARD_PRESENT : CARD_ABSENT;
}

static int answer_look(struct reader *r, int fd)
{
	static uint8_t memory[CARD_FRAME_MAX];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u8(&b, (uint8_t)look(r));
	buffer_put_u8(&b, (uint8_t)r->count);
	for (size_t i = 0; r->module != NULL && i < r->count; i++) {
		buffer_put_u8(&b, (uint8_t)r->found[i].kind);
		buffer_put_u8(&b, (uint8_t)tries_left(r, r->found[i].slot));
		buffer_put_bytes(&b, r->found[i].certificate, r->found[i].length);
	}
	return b.error != 0 ? b.error : frame_send(fd, CARD_FOUND, b.data, b.length, NULL, 0);
}

struct signing {
	const struct found *found;
	char pin[CARD_PIN_MAX];
	uint8_t digest[CARD_DIGEST_SIZE];
	uint8_t signature[CARD_SIGNATURE_MAX];
	size_t signature_length;
};

static enum card_answer answer_of(CK_RV code)
{
	switch (code) {
	case CKR_OK:
		return CARD_ANSWER_SIGNED;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return CARD_ANSWER_WRONG_PIN;
	case CKR_PIN_LOCKED:
	case CKR_PIN_EXPIRED:
		return CARD_ANSWER_LOCKED_PIN;
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_DEVICE_REMOVED:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
		return CARD_ANSWER_GONE;
	default:
		return CARD_ANSWER_FAILED;
	}
}

/* Taken out, or another one put in: a module may have any error for that, and learn it later than
 * the error. */
static bool is_gone(const struct reader *r, CK_SLOT_ID slot)
{
	const struct timespec pause = {0, GONE_PAUSE_NS};
	CK_SLOT_INFO info = {0};

	for (int i = 0; i < GONE_LOOKS; i++) {
		if (r->module->C_GetSlotInfo(slot, &info) == CKR_OK &&
		        (info.flags & CKF_TOKEN_PRESENT) == 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static CK_RV log_in(const struct reader *r, const struct signing *s, CK_USER_TYPE type)
{
	return r->module->C_Login(
	        s->found->session, type, (CK_UTF8CHAR *)(uintptr_t)s->pin, strlen(s->pin));
}

static bool find_key(const struct reader *r, const struct found *f, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
	        {CKA_ID, (void *)(uintptr_t)f->id, f->id_length}};

	return find(r, f->session, template, 2, key, 1) == 1;
}

/* What the mechanism signs: PKCS#1 wants the digest with its name around it (RFC 8017 9.2). */
static CK_RV sign_with(
        const struct reader *r, struct signing *s, CK_OBJECT_HANDLE key, CK_KEY_TYPE type)
{
	static const uint8_t prefix[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	CK_MECHANISM mechanism = {type == CKK_EC ? CKM_ECDSA : CKM_RSA_PKCS, NULL, 0};
	uint8_t input[sizeof(prefix) + CARD_DIGEST_SIZE];
	size_t skip = type == CKK_EC ? sizeof(prefix) : 0;
	CK_ULONG length = sizeof(s->signature);
	CK_BBOOL always = CK_FALSE;
	size_t got = 0;
	CK_RV code = r->module->C_SignInit(s->found->session, &mechanism, key);

	memcpy(input, prefix, sizeof(prefix));
	memcpy(input + sizeof(prefix), s->digest, sizeof(s->digest));
	if (code == CKR_OK &&
	        get_attribute(r, s->found->session, key, CKA_ALWAYS_AUTHENTICATE, &always,
	                sizeof(always), &got) &&
	        always == CK_TRUE)
		code = log_in(r, s, CKU_CONTEXT_SPECIFIC);
	if (code == CKR_OK)
		code = r->module->C_Sign(s->found->session, input + skip, sizeof(input) - skip,
		        s->signature, &length);
	if (code == CKR_OK && length <= sizeof(s->signature))
		s->signature_length = length;
	return code;
}

static enum card_answer sign(const struct reader *r, struct signing *s)
{
	CK_OBJECT_HANDLE key = 0;
	CK_KEY_TYPE type = 0;
	size_t got = 0;
	CK_RV code = log_in(r, s, CKU_USER);

	if (code != CKR_OK)
		return answer_of(code);
	if (!find_key(r, s->found, &key) ||
	        !get_attribute(
	                r, s->found->session, key, CKA_KEY_TYPE, &type, sizeof(type), &got) ||
	        (type != CKK_EC && type != CKK_RSA))
		code = CKR_KEY_HANDLE_INVALID;
	else
		code = sign_with(r, s, key, type);
	(void)r->module->C_Logout(s->found->session);
	return answer_of(code);
}

static int answer_sign(struct reader *r, int fd, struct buffer *asked)
{
	static struct signing s;
	uint8_t memory[CARD_SIGNATURE_MAX + 16];
	struct buffer b = buffer_over(memory, sizeof(memory));
	uint8_t which = buffer_get_u8(asked);
	enum card_answer answer = CARD_ANSWER_FAILED;
	enum card_tries tries = CARD_TRIES_ALL;
	const uint8_t *digest = NULL;
	size_t length = 0;
	int error = 0;

	s = (struct signing){0};
	buffer_get_string(asked, s.pin, sizeof(s.pin));
	digest = buffer_get_bytes(asked, &length);
	error = buffer_end(asked);
	/* An empty PIN is none: no module is to make something of it. */
	if (error == 0 && (r->module == NULL || which >= r->count || length != sizeof(s.digest) ||
	                          s.pin[0] == '\0'))
		error = ERR_FORMAT;
	if (error != 0)
		goto out;
	s.found = &r->found[which];
	memcpy(s.digest, digest, sizeof(s.digest));
	answer = sign(r, &s);
	tries = tries_left(r, s.found->slot);
	/* OpenSC has a general error for what a locked My Number card says. */
	if (answer == CARD_ANSWER_FAILED && tries == CARD_TRIES_NONE)
		answer = CARD_ANSWER_LOCKED_PIN;
	else if (answer == CARD_ANSWER_FAILED && is_gone(r, s.found->slot))
		answer = CARD_ANSWER_GONE;
	buffer_put_u8(&b, (uint8_t)answer);
	buffer_put_u8(&b, (uint8_t)tries);
	buffer_put_bytes(&b, s.signature, s.signature_length);
	/* Before anybody hears of it: the next login may begin then. */
	rest(r, s.found->slot);
	error = frame_send(fd, CARD_SIGNED, b.data, b.length, NULL, 0);
out:
	explicit_bzero(&s, sizeof(s));
	return error;
}

static bool is_there(const struct reader *r, CK_SLOT_ID slot)
{
	CK_SLOT_INFO info = {0};

	return r->module->C_GetSlotInfo(slot, &info) == CKR_OK &&
	       (info.flags & CKF_TOKEN_PRESENT) != 0;
}

/* Sleeps in the module until a card comes or goes. Whatever else ends the waiting, such as the end
 * of pcscd, is taken as the card's end. */
static int watch(struct reader *r)
{
	CK_SLOT_ID changed = 0;
	CK_RV code = CKR_OK;

	if (r->module == NULL || !r->rests)
		return ERR_FORMAT;
	code = p11_kit_module_initialize(r->module);
	while (code == CKR_OK && is_there(r, r->signer))
		code = r->module->C_WaitForSlotEvent != NULL
		               ? r->module->C_WaitForSlotEvent(0, &changed, NULL)
		               : CKR_FUNCTION_NOT_SUPPORTED;
	_exit(code == CKR_FUNCTION_NOT_SUPPORTED ? EXIT_UNASKED : EXIT_YES);
}

static int serve(struct reader *r, int fd)
{
	uint8_t memory[CARD_PIN_MAX + CARD_DIGEST_SIZE + 64];
	struct frame frame;
	int error = frame_receive(fd, -1, memory, sizeof(memory), &frame);

	if (error != 0)
		return error;
	if (frame.fd_count != 0 ||
	        (frame.type != CARD_LOOK && frame.type != CARD_SIGN && frame.type != CARD_WATCH))
		error = ERR_FORMAT;
	else if (frame.type != CARD_SIGN)
		error = buffer_end(&frame.payload);
	frame_close_fds(&frame);
	if (error == 0 && frame.type == CARD_LOOK)
		error = answer_look(r, fd);
	else if (error == 0 && frame.type == CARD_SIGN)
		error = answer_sign(r, fd, &frame.payload);
	else if (error == 0)
		error = watch(r);
	explicit_bzero(memory, sizeof(memory));
	return error;
}

int main(int argc, char **argv)
{
	static struct reader reader;
	struct child child;
	int error = 0;

	if (child_start(argc, argv, ROLE_CARD, &child) != 0)
		return EXIT_USAGE;
	/* Of an office of its own mind: OPENSC_CONF in the unit's environment. */
	(void)setenv("OPENSC_CONF", SEKISHO_DATADIR "/opensc.conf", 0);
	module_open(&reader, child.root);
	while (error == 0)
		error = serve(&reader, child.channel.main_fd);
	/* The module's own end is not waited for: it may not come. */
	_exit(error == ERR_CLOSED ? EXIT_YES : EXIT_NO);
}
