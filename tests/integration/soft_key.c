/*
 * A security key in software, for tests/integration/key.sh: CTAPHID (CTAP 2.0 §8.1) over two FIFOs,
 * authenticatorGetInfo, MakeCredential, GetAssertion and ClientPIN (PIN protocol one), ES256.
 *     soft_key DIR PIN [finger]     (PIN "": none is set; finger: it knows a fingerprint)
 * makes DIR/to and DIR/from where they are missing, 64-byte reports without their number, and reads
 * DIR/deed before each command: what it is to do wrong this time. In the terminal tests both are
 * the USB gadget's end, /dev/hidg0.
 */
#include <cbor.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	REPORT = 64,
	MESSAGE_MAX = 2048,
	CREDENTIALS = 16,
	ID_SIZE = 64,
	RETRIES = 8,
	RETRIES_IN_A_ROW = 3,
};

enum { HID_PING = 0x01, HID_INIT = 0x06, HID_CBOR = 0x10, HID_CANCEL = 0x11, HID_KEEPALIVE = 0x3b };
enum { HID_ERROR = 0x3f, HID_FIRST = 0x80 };
enum { MAKE_CREDENTIAL = 1, GET_ASSERTION = 2, GET_INFO = 4, CLIENT_PIN = 6 };
enum {
	OK = 0x00,
	BAD_COMMAND = 0x01,
	BAD_CBOR = 0x12,
	EXCLUDED = 0x19,
	DENIED = 0x27,
	FINGER_BLOCKED = 0x3c,
	FINGER_INVALID = 0x3f,
	FULL = 0x28,
	NO_CREDENTIALS = 0x2e,
	TOUCH_TIMEOUT = 0x2f,
	PIN_INVALID = 0x31,
	PIN_BLOCKED = 0x32,
	PIN_AUTH_INVALID = 0x33,
	PIN_AUTH_BLOCKED = 0x34,
	PIN_REQUIRED = 0x36,
};
enum { FLAG_UP = 0x01, FLAG_UV = 0x04, FLAG_BE = 0x08, FLAG_AT = 0x40 };

struct credential {
	uint8_t id[ID_SIZE];
	uint8_t party[SHA256_DIGEST_LENGTH];
	EVP_PKEY *key;
};

struct key {
	const char *directory;
	int to;
	int from;
	uint32_t channel;
	char pin[64];
	bool finger;
	int retries;
	int wrong_in_a_row;
	EVP_PKEY *agreement;
	uint8_t token[32];
	struct credential credentials[CREDENTIALS];
	size_t count;
	uint32_t counter;
	char deed[32];
};

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t length;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static bool does(const struct key *k, const char *deed)
{
	return strcmp(k->deed, deed) == 0;
}

static void read_deed(struct key *k)
{
	char path[512];
	FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "%s/deed", k->directory);
	k->deed[0] = '\0';
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(k->deed, sizeof(k->deed), file) != NULL)
		k->deed[strcspn(k->deed, "\n")] = '\0';
	(void)fclose(file);
}

/* --- CBOR */

static const cbor_item_t *get(const cbor_item_t *map, int name)
{
	size_t count = map != NULL && cbor_isa_map(map) ? cbor_map_size(map) : 0;

	for (size_t i = 0; i < count; i++) {
		const cbor_item_t *key = cbor_map_handle(map)[i].key;

		if (name >= 0 && cbor_isa_uint(key) && cbor_get_int(key) == (uint64_t)name)
			return cbor_map_handle(map)[i].value;
		if (name < 0 && cbor_isa_negint(key) && cbor_get_int(key) == (uint64_t)(-1 - name))
			return cbor_map_handle(map)[i].value;
	}
	return NULL;
}

static const cbor_item_t *get_named(const cbor_item_t *map, const char *name)
{
	size_t count = map != NULL && cbor_isa_map(map) ? cbor_map_size(map) : 0;

	for (size_t i = 0; i < count; i++) {
		const cbor_item_t *key = cbor_map_handle(map)[i].key;

		if (cbor_isa_string(key) && cbor_string_length(key) == strlen(name) &&
		        memcmp(cbor_string_handle(key), name, strlen(name)) == 0)
			return cbor_map_handle(map)[i].value;
	}
	return NULL;
}

static const uint8_t *get_bytes(const cbor_item_t *item, size_t length)
{
	if (item == NULL || !cbor_isa_bytestring(item) || cbor_bytestring_length(item) != length)
		return NULL;
	return cbor_bytestring_handle(item);
}

static bool hash_string(const cbor_item_t *item, uint8_t hash[SHA256_DIGEST_LENGTH])
{
	if (item == NULL || !cbor_isa_string(item))
		return false;
	return SHA256(cbor_string_handle(item), cbor_string_length(item), hash) != NULL;
}

static cbor_item_t *number(int value)
{
	return value >= 0 ? cbor_build_uint8((uint8_t)value)
	                  : cbor_build_negint8((uint8_t)(-1 - value));
}

static void add(cbor_item_t *map, cbor_item_t *key, cbor_item_t *value)
{
	const struct cbor_pair pair = {.key = cbor_move(key), .value = cbor_move(value)};

	if (!cbor_map_add(map, pair))
		die("cbor_map_add");
}

static cbor_item_t *list_of(cbor_item_t *item)
{
	cbor_item_t *list = cbor_new_definite_array(1);

	if (!cbor_array_push(list, cbor_move(item)))
		die("cbor_array_push");
	return list;
}

static uint8_t answer_with(struct message *out, cbor_item_t *map)
{
	out->length +=
	        cbor_serialize(map, out->bytes + out->length, sizeof(out->bytes) - out->length);
	cbor_decref(&map);
	return OK;
}

/* --- keys */

static EVP_PKEY *new_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		die("EVP_EC_gen");
	return key;
}

static void point_of(EVP_PKEY *key, uint8_t point[65])
{
	size_t length = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &length) !=
	                1 ||
	        length != 65)
		die("point");
}

static cbor_item_t *cose(EVP_PKEY *key, int algorithm)
{
	cbor_item_t *map = cbor_new_definite_map(5);
	uint8_t point[65];

	point_of(key, point);
	add(map, number(1), number(2));
	add(map, number(3), number(algorithm));
	add(map, number(-1), number(1));
	add(map, number(-2), cbor_build_bytestring(point + 1, 32));
	add(map, number(-3), cbor_build_bytestring(point + 33, 32));
	return map;
}

static EVP_PKEY *peer_key(const cbor_item_t *map)
{
	const uint8_t *x = get_bytes(get(map, -2), 32);
	const uint8_t *y = get_bytes(get(map, -3), 32);
	uint8_t point[65] = {4};
	char group[] = "P-256";
	const OSSL_PARAM parameters[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
	        OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (x != NULL && y != NULL) {
		memcpy(point + 1, x, 32);
		memcpy(point + 33, y, 32);
		if (EVP_PKEY_fromdata_init(context) != 1 ||
		        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY,
		                (OSSL_PARAM *)(uintptr_t)parameters) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(context);
	return key;
}

/* PIN protocol one: SHA-256 of the x both compute. */
static bool agree(const struct key *k, const cbor_item_t *peer, uint8_t secret[32])
{
	EVP_PKEY *other = peer_key(peer);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(k->agreement, NULL);
	uint8_t x[32];
	size_t length = sizeof(x);
	bool good = other != NULL && EVP_PKEY_derive_init(context) == 1 &&
	            EVP_PKEY_derive_set_peer(context, other) == 1 &&
	            EVP_PKEY_derive(context, x, &length) == 1 && length == sizeof(x) &&
	            SHA256(x, sizeof(x), secret) != NULL;

	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(other);
	return good;
}

static void aes(bool encrypt, const uint8_t secret[32], const uint8_t *in, int length, uint8_t *out)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;

	if (EVP_CipherInit_ex(context, EVP_aes_256_cbc(), NULL, secret, iv, encrypt) != 1 ||
	        EVP_CIPHER_CTX_set_padding(context, 0) != 1 ||
	        EVP_CipherUpdate(context, out, &done, in, length) != 1 || done != length)
		die("aes");
	EVP_CIPHER_CTX_free(context);
}

static size_t sign(EVP_PKEY *key, const uint8_t *bytes, size_t length, uint8_t *out, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	        EVP_DigestSign(context, out, &size, bytes, length) != 1)
		die("sign");
	EVP_MD_CTX_free(context);
	return size;
}

/* --- commands */

static uint8_t get_info(const struct key *k, struct message *out)
{
	static const uint8_t aaguid[16] = {'s', 'o', 'f', 't'};
	cbor_item_t *map = cbor_new_definite_map(5);
	cbor_item_t *options = cbor_new_definite_map(k->finger ? 3 : 2);

	add(options, cbor_build_string("up"), cbor_build_bool(true));
	if (k->finger)
		add(options, cbor_build_string("uv"), cbor_build_bool(true));
	add(options, cbor_build_string("clientPin"), cbor_build_bool(k->pin[0] != '\0'));
	add(map, number(1), list_of(cbor_build_string("FIDO_2_0")));
	add(map, number(3), cbor_build_bytestring(aaguid, sizeof(aaguid)));
	add(map, number(4), options);
	add(map, number(5), cbor_build_uint16(1200));
	add(map, number(6), list_of(number(1)));
	return answer_with(out, map);
}

static uint8_t wrong_pin(struct key *k)
{
	k->retries--;
	k->wrong_in_a_row++;
	EVP_PKEY_free(k->agreement);
	k->agreement = new_key();
	if (k->retries == 0)
		return PIN_BLOCKED;
	return k->wrong_in_a_row >= RETRIES_IN_A_ROW ? PIN_AUTH_BLOCKED : PIN_INVALID;
}

static uint8_t give_token(struct key *k, const cbor_item_t *in, struct message *out)
{
	const uint8_t *sealed = get_bytes(get(in, 6), 16);
	uint8_t secret[32];
	uint8_t typed[16];
	uint8_t right[SHA256_DIGEST_LENGTH];
	uint8_t token[sizeof(k->token)];
	cbor_item_t *map = NULL;

	if (k->retries == 0)
		return PIN_BLOCKED;
	if (k->wrong_in_a_row >= RETRIES_IN_A_ROW)
		return PIN_AUTH_BLOCKED;
	if (sealed == NULL || !agree(k, get(in, 3), secret))
		return BAD_CBOR;
	aes(false, secret, sealed, sizeof(typed), typed);
	SHA256((const uint8_t *)k->pin, strlen(k->pin), right);
	if (memcmp(typed, right, sizeof(typed)) != 0)
		return wrong_pin(k);
	k->retries = RETRIES;
	k->wrong_in_a_row = 0;
	aes(true, secret, k->token, sizeof(token), token);
	map = cbor_new_definite_map(1);
	add(map, number(2), cbor_build_bytestring(token, sizeof(token)));
	return answer_with(out, map);
}

static uint8_t client_pin(struct key *k, const cbor_item_t *in, struct message *out)
{
	const cbor_item_t *what = get(in, 2);
	cbor_item_t *map = NULL;

	if (what == NULL || !cbor_isa_uint(what))
		return BAD_CBOR;
	if (cbor_get_int(what) == 5)
		return give_token(k, in, out);
	if (cbor_get_int(what) > 2)
		return BAD_COMMAND;
	map = cbor_new_definite_map(1);
	if (cbor_get_int(what) == 1)
		add(map, number(3), number(k->retries));
	else
		add(map, number(1), cose(k->agreement, -25));
	return answer_with(out, map);
}

static bool is_authorised(const struct key *k, const uint8_t *hash, const cbor_item_t *shown)
{
	const uint8_t *bytes = get_bytes(shown, 16);
	uint8_t right[SHA256_DIGEST_LENGTH];
	unsigned length = 0;

	return bytes != NULL &&
	       HMAC(EVP_sha256(), k->token, sizeof(k->token), hash, 32, right, &length) != NULL &&
	       memcmp(bytes, right, 16) == 0;
}

static struct credential *find(
        struct key *k, const cbor_item_t *list, const uint8_t party[SHA256_DIGEST_LENGTH])
{
	size_t count = list != NULL && cbor_isa_array(list) ? cbor_array_size(list) : 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *id = get_bytes(get_named(cbor_array_handle(list)[i], "id"), ID_SIZE);

		for (size_t j = 0; id != NULL && j < k->count; j++)
			if (memcmp(k->credentials[j].id, id, ID_SIZE) == 0 &&
			        memcmp(k->credentials[j].party, party, SHA256_DIGEST_LENGTH) == 0)
				return &k->credentials[j];
	}
	return NULL;
}

static void put(struct message *m, const void *bytes, size_t length)
{
	if (length > sizeof(m->bytes) - m->length)
		die("message");
	memcpy(m->bytes + m->length, bytes, length);
	m->length += length;
}

/* Authenticator data up to the counter. */
static void put_data(struct key *k, struct message *data, const uint8_t *party, unsigned flags)
{
	uint8_t head[5];
	uint8_t other[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)"sekisho.another", 15, other);
	if (does(k, "no-up"))
		flags &= ~(unsigned)FLAG_UP;
	if (does(k, "no-uv"))
		flags &= ~(unsigned)FLAG_UV;
	if (does(k, "backed-up"))
		flags |= FLAG_BE;
	k->counter = does(k, "counter-back") ? k->counter - 1 : k->counter + 1;
	head[0] = (uint8_t)flags;
	for (int i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(k->counter >> (24 - 8 * i));
	put(data, does(k, "wrong-rp") ? other : party, SHA256_DIGEST_LENGTH);
	put(data, head, sizeof(head));
	if (does(k, "counter-back"))
		k->counter += 2;
}

static void put_made(struct message *data, const struct credential *c)
{
	static const uint8_t aaguid_and_length[18] = {'s', 'o', 'f', 't', [16] = 0, [17] = ID_SIZE};
	cbor_item_t *public = cose(c->key, -7);
	uint8_t bytes[128];
	size_t length = cbor_serialize(public, bytes, sizeof(bytes));

	put(data, aaguid_and_length, sizeof(aaguid_and_length));
	put(data, c->id, sizeof(c->id));
	put(data, bytes, length);
	cbor_decref(&public);
}

static size_t sign_data(const struct key *k, const struct credential *c, const struct message *data,
        const uint8_t *hash, uint8_t *out, size_t size)
{
	struct message all = *data;
	size_t length = 0;

	put(&all, hash, 32);
	length = sign(c->key, all.bytes, all.length, out, size);
	if (does(k, "bad-signature"))
		out[length - 1] ^= 1;
	return length;
}

static uint8_t make_credential(struct key *k, const cbor_item_t *in, struct message *out)
{
	const uint8_t *hash = get_bytes(get(in, 1), 32);
	struct credential *c = &k->credentials[k->count];
	struct message data = {.length = 0};
	uint8_t party[SHA256_DIGEST_LENGTH];
	uint8_t signature[128];
	size_t length = 0;
	cbor_item_t *map = NULL;
	cbor_item_t *statement = NULL;

	if (hash == NULL || !hash_string(get_named(get(in, 2), "id"), party))
		return BAD_CBOR;
	if (find(k, get(in, 5), party) != NULL)
		return EXCLUDED;
	if (get(in, 8) == NULL)
		return PIN_REQUIRED;
	if (!is_authorised(k, hash, get(in, 8)))
		return PIN_AUTH_INVALID;
	if (k->count == CREDENTIALS)
		return FULL;
	k->count++;
	if (RAND_bytes(c->id, sizeof(c->id)) != 1)
		die("random");
	memcpy(c->party, party, sizeof(party));
	c->key = new_key();
	put_data(k, &data, party, FLAG_UP | FLAG_UV | FLAG_AT);
	put_made(&data, c);
	length = sign_data(k, c, &data, hash, signature, sizeof(signature));
	statement = cbor_new_definite_map(2);
	add(statement, cbor_build_string("alg"), number(-7));
	add(statement, cbor_build_string("sig"), cbor_build_bytestring(signature, length));
	map = cbor_new_definite_map(3);
	add(map, number(1), cbor_build_string("packed"));
	add(map, number(2), cbor_build_bytestring(data.bytes, data.length));
	add(map, number(3), statement);
	return answer_with(out, map);
}

static bool wants_finger(const struct key *k, const cbor_item_t *in)
{
	const cbor_item_t *uv = get_named(get(in, 5), "uv");

	return k->finger && uv != NULL && cbor_is_bool(uv) && cbor_get_bool(uv);
}

static uint8_t get_assertion(struct key *k, const cbor_item_t *in, struct message *out)
{
	const uint8_t *hash = get_bytes(get(in, 2), 32);
	const struct credential *c = NULL;
	struct message data = {.length = 0};
	uint8_t party[SHA256_DIGEST_LENGTH];
	uint8_t signature[128];
	unsigned flags = FLAG_UP;
	size_t length = 0;
	cbor_item_t *map = NULL;
	cbor_item_t *descriptor = NULL;

	if (hash == NULL || !hash_string(get(in, 1), party))
		return BAD_CBOR;
	if (get(in, 6) != NULL && !is_authorised(k, hash, get(in, 6)))
		return PIN_AUTH_INVALID;
	flags |= get(in, 6) != NULL ? FLAG_UV : 0;
	if (wants_finger(k, in)) {
		if (does(k, "wrong-finger"))
			return FINGER_INVALID;
		if (does(k, "finger-blocked"))
			return FINGER_BLOCKED;
		flags |= FLAG_UV;
	}
	c = find(k, get(in, 3), party);
	if (c == NULL)
		return NO_CREDENTIALS;
	if (does(k, "untouched"))
		return TOUCH_TIMEOUT;
	if (does(k, "denied"))
		return DENIED;
	put_data(k, &data, party, flags);
	length = sign_data(k, c, &data, hash, signature, sizeof(signature));
	if (does(k, "other-credential"))
		c = &k->credentials[c == &k->credentials[0]];
	descriptor = cbor_new_definite_map(2);
	add(descriptor, cbor_build_string("id"), cbor_build_bytestring(c->id, sizeof(c->id)));
	add(descriptor, cbor_build_string("type"), cbor_build_string("public-key"));
	map = cbor_new_definite_map(3);
	add(map, number(1), descriptor);
	add(map, number(2), cbor_build_bytestring(data.bytes, data.length));
	add(map, number(3), cbor_build_bytestring(signature, length));
	return answer_with(out, map);
}

static uint8_t command(struct key *k, const struct message *in, struct message *out)
{
	struct cbor_load_result loaded = {0};
	cbor_item_t *map = NULL;
	uint8_t code = BAD_COMMAND;

	if (in->length > 1)
		map = cbor_load(in->bytes + 1, in->length - 1, &loaded);
	if (in->length == 0 || (in->length > 1 && map == NULL))
		return BAD_CBOR;
	switch (in->bytes[0]) {
	case GET_INFO:
		code = get_info(k, out);
		break;
	case CLIENT_PIN:
		code = client_pin(k, map, out);
		break;
	case MAKE_CREDENTIAL:
		code = make_credential(k, map, out);
		break;
	case GET_ASSERTION:
		code = get_assertion(k, map, out);
		break;
	default:
		break;
	}
	if (map != NULL)
		cbor_decref(&map);
	return code;
}

/* --- CTAPHID */

static void send_report(const struct key *k, const uint8_t *report, size_t length)
{
	/* ESHUTDOWN: a gadget that was pulled out. */
	if (write(k->from, report, length) != (ssize_t)length && errno != EAGAIN &&
	        errno != ESHUTDOWN)
		die("write");
}

static void send_message(
        const struct key *k, uint32_t channel, uint8_t type, const uint8_t *bytes, size_t length)
{
	uint8_t report[REPORT] = {(uint8_t)(channel >> 24), (uint8_t)(channel >> 16),
	        (uint8_t)(channel >> 8), (uint8_t)channel, type | HID_FIRST, (uint8_t)(length >> 8),
	        (uint8_t)length};
	size_t room = REPORT - 7;
	size_t done = 0;

	for (uint8_t sequence = 0;; sequence++) {
		size_t part = length - done < room ? length - done : room;

		memcpy(report + REPORT - room, bytes + done, part);
		memset(report + REPORT - room + part, 0, room - part);
		send_report(k, report, sizeof(report));
		done += part;
		if (done == length)
			return;
		room = REPORT - 5;
		report[4] = sequence;
	}
}

static void pull_out(const struct key *k)
{
	static const uint8_t nothing[1];
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/to", k->directory);
	(void)unlink(path);
	send_report(k, nothing, sizeof(nothing));
}

static void serve_cbor(struct key *k, const struct message *in)
{
	static const uint8_t touch = 2;
	static const uint8_t garbage[] = {OK, 0xbf, 0xff, 0x5f, 0x1b, 0xff, 0xff};
	struct message out = {.length = 1};
	bool signs = in->length > 0 && in->bytes[0] == GET_ASSERTION;

	read_deed(k);
	if (does(k, "replug"))
		k->wrong_in_a_row = 0;
	if (signs && does(k, "unplug")) {
		pull_out(k);
		return;
	}
	if (signs && does(k, "silent"))
		return;
	if (signs || (in->length > 0 && in->bytes[0] == MAKE_CREDENTIAL))
		send_message(k, k->channel, HID_KEEPALIVE, &touch, sizeof(touch));
	if (signs && does(k, "garbage")) {
		send_message(k, k->channel, HID_CBOR, garbage, sizeof(garbage));
		return;
	}
	out.bytes[0] = command(k, in, &out);
	if (out.bytes[0] != OK)
		out.length = 1;
	send_message(k, k->channel, HID_CBOR, out.bytes, out.length);
}

static void serve_init(struct key *k, const struct message *in)
{
	uint8_t answer[17] = {0};

	if (in->length != 8)
		return;
	k->channel++;
	memcpy(answer, in->bytes, 8);
	for (int i = 0; i < 4; i++)
		answer[8 + i] = (uint8_t)(k->channel >> (24 - 8 * i));
	answer[12] = 2;           /* CTAPHID */
	answer[16] = 0x04 | 0x08; /* CBOR, and no U2F */
	send_message(k, UINT32_MAX, HID_INIT, answer, sizeof(answer));
}

static void serve(struct key *k, uint8_t type, const struct message *in)
{
	static const uint8_t bad = 1;

	switch (type) {
	case HID_INIT:
		serve_init(k, in);
		break;
	case HID_PING:
		send_message(k, k->channel, HID_PING, in->bytes, in->length);
		break;
	case HID_CBOR:
		serve_cbor(k, in);
		break;
	case HID_CANCEL:
		break;
	default:
		send_message(k, k->channel, HID_ERROR, &bad, sizeof(bad));
		break;
	}
}

/* Reports until a message is whole; one that begins anew replaces what was there. */
static void run(struct key *k)
{
	struct message in = {.length = 0};
	uint8_t report[REPORT];
	uint8_t type = 0;
	size_t wanted = 0;

	while (read(k->to, report, sizeof(report)) == REPORT) {
		const bool first = (report[4] & HID_FIRST) != 0;
		const uint8_t *part = report + (first ? 7 : 5);
		size_t room = REPORT - (first ? 7 : 5);

		if (first) {
			type = report[4] & ~HID_FIRST & 0xff;
			wanted = (size_t)report[5] << 8 | report[6];
			in.length = 0;
		}
		if (wanted > sizeof(in.bytes))
			die("too long");
		if (room > wanted - in.length)
			room = wanted - in.length;
		put(&in, part, room);
		if (in.length == wanted)
			serve(k, type, &in);
	}
}

static int open_end(const char *directory, const char *name)
{
	char path[512];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (mkfifo(path, 0666) == 0 ? chmod(path, 0666) != 0 : errno != EEXIST)
		die(path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	static struct key k = {.retries = RETRIES, .channel = 0x00010000};

	k.finger = argc == 4 && strcmp(argv[3], "finger") == 0;
	if ((argc != 3 && !k.finger) || strlen(argv[2]) >= sizeof(k.pin)) {
		fprintf(stderr, "usage: soft_key DIR PIN [finger]\n");
		return 2;
	}
	k.directory = argv[1];
	(void)snprintf(k.pin, sizeof(k.pin), "%s", argv[2]);
	k.agreement = new_key();
	if (RAND_bytes(k.token, sizeof(k.token)) != 1)
		die("random");
	k.from = open_end(k.directory, "from");
	k.to = open_end(k.directory, "to");
	run(&k);
	return 0;
}
