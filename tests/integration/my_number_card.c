/*
 * A My Number card in software, for tests/integration/my_number.sh: the application of the public
 * personal authentication (JPKI) as OpenSC's driver knows it, in the virtual reader of
 * vsmartcard-vpcd.
 *     my_number_card DIR PORT
 * PORT: where vpcd waits for a card, on 127.0.0.1. DIR/in is the card in the reader, a link to its
 * directory, or missing:
 *     auth.key auth.der auth-ca.der auth-pin      for user authentication
 *     sign.key sign.der sign-ca.der sign-pin      for signatures
 *     auth-tries sign-tries                       how many are left, if fewer than all
 *     sign-public                                 its certificate is read without the PIN
 *     uses                                        a line for each PIN tried and each signature
 * DIR/deed: "gone-at-verify", "gone-at-sign": the card is taken out in the middle of that, once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, FILE_MAX_SIZE = 4096, NAME_SIZE = 512, LOOK_MS = 20 };
enum { CONTROL_OFF = 0, CONTROL_ON = 1, CONTROL_RESET = 2, CONTROL_ATR = 4 };
enum { SELECT = 0xa4, READ_BINARY = 0xb0, VERIFY = 0x20, COMPUTE_SIGNATURE = 0x2a };
enum {
	SW_OK = 0x9000,
	SW_TRIES = 0x63c0,
	SW_LENGTH = 0x6700,
	SW_SECURITY = 0x6982,
	SW_BLOCKED = 0x6984,
	SW_CONDITIONS = 0x6985,
	SW_NO_FILE = 0x6a82,
	SW_OFFSET = 0x6b00,
	SW_NO_COMMAND = 0x6d00,
};

static const uint8_t ATR[] = {0x3b, 0xe0, 0x00, 0xff, 0x81, 0x31, 0xfe, 0x45, 0x14};
static const uint8_t JPKI[] = {0xd3, 0x92, 0xf0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01};

/* What one of the two keys has: its elementary files, and how often its PIN may be wrong. */
static const struct purpose {
	const char *name;
	unsigned certificate, authority, key, pin;
	unsigned tries;
} PURPOSES[] = {
        {"auth", 0x000a, 0x000b, 0x0017, 0x0018, 3},
        {"sign", 0x0001, 0x0002, 0x001a, 0x001b, 5},
};
enum { AUTHENTICATION, PURPOSE_COUNT = sizeof(PURPOSES) / sizeof(PURPOSES[0]) };

struct card {
	const char *reader;  /* DIR */
	char path[PATH_MAX]; /* of the card in it */
	bool application;    /* selected */
	unsigned file;       /* selected; 0: none */
	bool verified[PURPOSE_COUNT];
};

struct command {
	uint8_t class, instruction, p1, p2;
	const uint8_t *data;
	size_t length;
	size_t expected;
};

struct answer {
	uint8_t bytes[MESSAGE_MAX];
	size_t length;
	bool gone; /* none is given any more */
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "my_number_card: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the card's files */
static FILE *card_open(
        const struct card *c, const char *purpose, const char *name, const char *mode)
{
	char path[PATH_MAX + NAME_SIZE];

	snprintf(path, sizeof(path), "%s/%s%s", c->path, purpose, name);
	return fopen(path, mode);
}

static size_t card_read(
        const struct card *c, const char *purpose, const char *name, void *bytes, size_t size)
{
	FILE *in = card_open(c, purpose, name, "r");
	size_t length = in != NULL ? fread(bytes, 1, size, in) : 0;

	if (in != NULL)
		fclose(in);
	return length;
}

static unsigned tries_left(const struct card *c, size_t purpose)
{
	char text[8] = "";

	if (card_read(c, PURPOSES[purpose].name, "-tries", text, sizeof(text) - 1) == 0)
		return PURPOSES[purpose].tries;
	return (unsigned)strtoul(text, NULL, 10);
}

static void tries_set(const struct card *c, size_t purpose, unsigned left)
{
	FILE *out = card_open(c, PURPOSES[purpose].name, "-tries", "w");

	if (out == NULL || fprintf(out, "%u\n", left) < 0 || fclose(out) != 0)
		die("tries");
}

static void note_use(const struct card *c, size_t purpose, const char *what)
{
	FILE *out = card_open(c, "", "uses", "a");

	if (out == NULL || fprintf(out, "%s %s\n", PURPOSES[purpose].name, what) < 0 ||
	        fclose(out) != 0)
		die("uses");
}

/* The reader is empty from now on, if the deed is this one. */
static bool is_taken_out(const struct card *c, const char *deed)
{
	char path[PATH_MAX];
	char text[32] = "";
	FILE *in = NULL;

	snprintf(path, sizeof(path), "%s/deed", c->reader);
	in = fopen(path, "r");
	if (in == NULL)
		return false;
	if (fscanf(in, "%31s", text) != 1)
		text[0] = '\0';
	fclose(in);
	if (strcmp(text, deed) != 0)
		return false;
	unlink(path);
	snprintf(path, sizeof(path), "%s/in", c->reader);
	unlink(path);
	return true;
}

/* --- commands */
static void put_status(struct answer *a, unsigned status)
{
	a->bytes[a->length++] = (uint8_t)(status >> 8);
	a->bytes[a->length++] = (uint8_t)status;
}

static unsigned select_file(struct card *c, const struct command *m)
{
	if (m->p1 == 4) {
		c->application =
		        m->length == sizeof(JPKI) && memcmp(m->data, JPKI, sizeof(JPKI)) == 0;
		c->file = 0;
		return c->application ? SW_OK : SW_NO_FILE;
	}
	if (m->p1 != 2 || m->length != 2 || !c->application)
		return SW_NO_FILE;
	c->file = (unsigned)m->data[0] << 8 | m->data[1];
	for (size_t i = 0; i < PURPOSE_COUNT; i++)
		if (c->file == PURPOSES[i].certificate || c->file == PURPOSES[i].authority ||
		        c->file == PURPOSES[i].key || c->file == PURPOSES[i].pin)
			return SW_OK;
	c->file = 0;
	return SW_NO_FILE;
}

static unsigned read_file(const struct card *c, size_t purpose, const char *name,
        const struct command *m, struct answer *a)
{
	uint8_t file[FILE_MAX_SIZE];
	size_t length = card_read(c, PURPOSES[purpose].name, name, file, sizeof(file));
	size_t offset = (size_t)m->p1 << 8 | m->p2;
	size_t count = m->expected;

	if (offset >= length)
		return SW_OFFSET;
	if (count > length - offset)
		count = length - offset;
	memcpy(a->bytes, file + offset, count);
	a->length = count;
	return SW_OK;
}

static bool certificate_is_public(const struct card *c, size_t purpose)
{
	FILE *in = purpose == AUTHENTICATION ? NULL : card_open(c, "sign", "-public", "r");

	if (in != NULL)
		fclose(in);
	return purpose == AUTHENTICATION || in != NULL;
}

static unsigned read_binary(const struct card *c, const struct command *m, struct answer *a)
{
	for (size_t i = 0; i < PURPOSE_COUNT; i++) {
		if (c->file == PURPOSES[i].authority)
			return read_file(c, i, "-ca.der", m, a);
		if (c->file != PURPOSES[i].certificate)
			continue;
		if (!c->verified[i] && !certificate_is_public(c, i))
			return SW_SECURITY;
		return read_file(c, i, ".der", m, a);
	}
	return SW_CONDITIONS;
}

static unsigned try_pin(struct card *c, size_t purpose, const struct command *m)
{
	char pin[32] = "";
	unsigned left = tries_left(c, purpose);

	note_use(c, purpose, "verify");
	if (left == 0)
		return SW_BLOCKED;
	(void)card_read(c, PURPOSES[purpose].name, "-pin", pin, sizeof(pin) - 1);
	pin[strcspn(pin, "\n")] = '\0';
	c->verified[purpose] = strlen(pin) == m->length && memcmp(pin, m->data, m->length) == 0;
	if (c->verified[purpose]) {
		tries_set(c, purpose, PURPOSES[purpose].tries);
		return SW_OK;
	}
	tries_set(c, purpose, left - 1);
	return SW_TRIES | (left - 1);
}

static unsigned verify(struct card *c, const struct command *m, struct answer *a)
{
	for (size_t i = 0; i < PURPOSE_COUNT; i++) {
		if (c->file != PURPOSES[i].pin)
			continue;
		if (m->length == 0)
			return SW_TRIES | tries_left(c, i);
		a->gone = is_taken_out(c, "gone-at-verify");
		return a->gone ? SW_OK : try_pin(c, i, m);
	}
	return SW_CONDITIONS;
}

/* PKCS#1 v1.5 around the DigestInfo that was sent. */
static unsigned sign_with(EVP_PKEY *key, const struct command *m, struct answer *a)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t length = sizeof(a->bytes) - 2;
	bool good = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
	            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	            EVP_PKEY_sign(context, a->bytes, &length, m->data, m->length) == 1;

	EVP_PKEY_CTX_free(context);
	a->length = good ? length : 0;
	return good ? SW_OK : SW_LENGTH;
}

static unsigned sign(
        const struct card *c, size_t purpose, const struct command *m, struct answer *a)
{
	FILE *in = NULL;
	EVP_PKEY *key = NULL;
	unsigned status = SW_CONDITIONS;

	if (!c->verified[purpose])
		return SW_SECURITY;
	note_use(c, purpose, "sign");
	in = card_open(c, PURPOSES[purpose].name, ".key", "r");
	key = in != NULL ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
	if (key != NULL)
		status = sign_with(key, m, a);
	EVP_PKEY_free(key);
	if (in != NULL)
		fclose(in);
	return status;
}

static unsigned compute_signature(const struct card *c, const struct command *m, struct answer *a)
{
	for (size_t i = 0; i < PURPOSE_COUNT; i++) {
		if (c->file != PURPOSES[i].key)
			continue;
		a->gone = is_taken_out(c, "gone-at-sign");
		return a->gone ? SW_OK : sign(c, i, m, a);
	}
	return SW_CONDITIONS;
}

/* ISO 7816-3 12.1, short lengths. */
static bool parse(const uint8_t *bytes, size_t length, struct command *m)
{
	*m = (struct command){0};
	if (length < 4)
		return false;
	m->class = bytes[0];
	m->instruction = bytes[1];
	m->p1 = bytes[2];
	m->p2 = bytes[3];
	bytes += 4;
	length -= 4;
	if (length > 1) {
		m->length = bytes[0];
		m->data = bytes + 1;
		if (m->length == 0 || length < 1 + m->length || length > 2 + m->length)
			return false;
		bytes += 1 + m->length;
		length -= 1 + m->length;
	}
	if (length == 1)
		m->expected = bytes[0] != 0 ? bytes[0] : 256;
	return true;
}

static void answer_command(struct card *c, const uint8_t *bytes, size_t length, struct answer *a)
{
	struct command m;
	unsigned status = SW_NO_COMMAND;

	if (!parse(bytes, length, &m))
		status = SW_LENGTH;
	else if (m.class == 0x00 && m.instruction == SELECT)
		status = select_file(c, &m);
	else if (m.class == 0x00 && m.instruction == READ_BINARY)
		status = read_binary(c, &m, a);
	else if (m.class == 0x00 && m.instruction == VERIFY && m.p1 == 0 && m.p2 == 0x80)
		status = verify(c, &m, a);
	else if (m.class == 0x80 && m.instruction == COMPUTE_SIGNATURE && m.p1 == 0 && m.p2 == 0x80)
		status = compute_signature(c, &m, a);
	put_status(a, status);
}

/* --- the reader: vpcd's messages, each with its length in two bytes before it */
static bool receive_all(int fd, void *bytes, size_t length)
{
	const int now = 1;

	/* vpcd sends a length and its message by themselves, the second when the first was
	 * acknowledged. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
	return recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length;
}

static bool send_answer(int fd, const struct answer *a)
{
	uint8_t message[2 + MESSAGE_MAX] = {(uint8_t)(a->length >> 8), (uint8_t)a->length};

	memcpy(message + 2, a->bytes, a->length);
	return send(fd, message, 2 + a->length, MSG_NOSIGNAL) == (ssize_t)(2 + a->length);
}

static bool find_card(const char *reader, char path[PATH_MAX])
{
	char link[PATH_MAX];

	snprintf(link, sizeof(link), "%s/in", reader);
	return realpath(link, path) != NULL;
}

static bool is_still_in(const struct card *c)
{
	char path[PATH_MAX];

	return find_card(c->reader, path) && strcmp(path, c->path) == 0;
}

static void power(struct card *c)
{
	c->application = false;
	c->file = 0;
	memset(c->verified, 0, sizeof(c->verified));
}

static bool answer_control(int fd, struct card *c, uint8_t control)
{
	struct answer a = {.length = sizeof(ATR)};

	memcpy(a.bytes, ATR, sizeof(ATR));
	switch (control) {
	case CONTROL_OFF:
	case CONTROL_ON:
	case CONTROL_RESET:
		power(c);
		return true;
	case CONTROL_ATR:
		return send_answer(fd, &a);
	default:
		return false;
	}
}

static bool answer_message(int fd, struct card *c)
{
	struct answer a = {0};
	uint8_t head[2];
	uint8_t bytes[MESSAGE_MAX];
	size_t length = 0;

	if (!receive_all(fd, head, sizeof(head)))
		return false;
	length = (size_t)head[0] << 8 | head[1];
	if (length == 0 || length > sizeof(bytes) || !receive_all(fd, bytes, length))
		return false;
	if (length == 1)
		return answer_control(fd, c, bytes[0]);
	answer_command(c, bytes, length, &a);
	return !a.gone && send_answer(fd, &a);
}

/* A connection is a card's stay in the reader. */
static void serve(int fd, struct card *c)
{
	struct pollfd waited = {.fd = fd, .events = POLLIN};

	while (is_still_in(c)) {
		int ready = poll(&waited, 1, LOOK_MS);

		if (ready < 0 || (ready > 0 && !answer_message(fd, c)))
			return;
	}
}

static int connect_reader(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	        .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int main(int argc, char **argv)
{
	struct card card = {.reader = argc == 3 ? argv[1] : ""};
	uint16_t port = argc == 3 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;

	if (port == 0) {
		fputs("usage: my_number_card DIR PORT\n", stderr);
		return 2;
	}
	for (;;) {
		int fd = find_card(card.reader, card.path) ? connect_reader(port) : -1;

		if (fd >= 0) {
			power(&card);
			serve(fd, &card);
			close(fd);
		}
		poll(NULL, 0, LOOK_MS);
	}
}
