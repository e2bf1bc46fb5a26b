/*
 * What a process card that a hostile module has taken over may answer. Input: u16 length
 * (big-endian) and that many bytes: the payload of CARD_FOUND; the rest: that of CARD_SIGNED. Every
 * certificate that comes through is judged, the signature checked against it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/card_check.h"
#include "agent/card_client.h"
#include "core/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An authority, so that chains are built: its key is nobody's any more. */
static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBhTCCASugAwIBAgIUNGFuUQDH6xYLaUtlaSWwaSX16C4wCgYIKoZIzj0EAwIw\n"
                                "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjExNjA5MTdaGA8yMTI2MTAyODE2MDkx\n"
                                "N1owDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDHl\n"
                                "GKV0G/zBNOAPtW7WWQzvjQuObhWx+xu/H1XVCSMeJFSWawY5WA5X3w5MlDvnPdVn\n"
                                "HDB7fHXJy8ekjLs8tvKjYzBhMB0GA1UdDgQWBBT3LmBRDh4W+VDNNXLVS1AebkME\n"
                                "NDAfBgNVHSMEGDAWgBT3LmBRDh4W+VDNNXLVS1AebkMENDAPBgNVHRMBAf8EBTAD\n"
                                "AQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNIADBFAiBr8o3bVYnZXv1+\n"
                                "OAyvgkHiPC9Iq4+4njDco+mkalA9PgIhAM3slZSq8D1ySgA4/AY6rHGbLmDOS6Fg\n"
                                "d689Ooi4Lyn2\n"
                                "-----END CERTIFICATE-----\n";

static void judge(const struct card_trust *trust, const struct card_certificate *c,
        const struct card_signature *s)
{
	static const uint8_t digest[32] = {1};
	char holder[64];
	struct card_verdict verdict = card_check(trust, c->der, c->length, 1795000000, 3600);

	(void)card_holder(c->der, c->length, holder, sizeof(holder));
	if (card_signature_check(c->der, c->length, digest, s->bytes, s->length) == 0 &&
	        verdict.fault == CARD_GOOD)
		abort(); /* nobody can have signed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct card_view view;
	static struct card_trust *trust;
	static const uint8_t digest[CARD_DIGEST_SIZE] = {1};
	struct card_signature signature;
	size_t length = 0;
	int pair[2];

	if (trust == NULL && card_trust_parse((const uint8_t *)authority, strlen(authority),
	                             (const uint8_t *)"", 0, &trust) != 0)
		abort();
	if (size < 2)
		return 0;
	length = (size_t)(data[0] << 8 | data[1]);
	if (length > size - 2)
		length = size - 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	(void)frame_send(pair[1], CARD_FOUND, data + 2, length, NULL, 0);
	(void)frame_send(pair[1], CARD_SIGNED, data + 2 + length, size - 2 - length, NULL, 0);
	shutdown(pair[1], SHUT_WR);
	if (card_look(pair[0], &view) == 0 &&
	        card_sign(pair[0], 0, "1234", digest, &signature) == 0)
		for (size_t i = 0; i < view.count; i++)
			judge(trust, &view.certificates[i], &signature);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
