/*
 * A signed document somebody offers: as PEM, or (odd first byte) the DER inside it, which base64
 * would hide from the fuzzer. The pinned key signed one text, "policy: 1\n"; nothing else may ever
 * come out.
 */
#include "core/cms.h"
#include "core/encode.h"
#include "seeds/cms_office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const uint8_t *pem, size_t length)
{
	uint8_t *content = NULL;
	size_t content_length = 0;
	struct cms_signer signers[CMS_SIGNERS_MAX];
	size_t count = 0;

	int error = cms_verify(pem, length, (const uint8_t *)CMS_OFFICE, strlen(CMS_OFFICE), 1,
	        &content, &content_length, signers, &count);
	if (error == 0 &&
	        (count != 1 || content_length != 10 || memcmp(content, "policy: 1\n", 11) != 0))
		abort();
	if (error != 0 && (content != NULL || count != 0))
		abort();
	free(content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "-----BEGIN CMS-----\n";
	static const char end[] = "-----END CMS-----\n";

	if (size == 0 || size > 65536)
		return 0;
	if (data[0] % 2 == 0) {
		check(data + 1, size - 1);
		return 0;
	}
	char *text = encode_base64(data + 1, size - 1);
	size_t digits = strlen(text);
	char *pem = malloc(sizeof(begin) + digits + digits / 64 + 1 + sizeof(end));
	size_t used = (size_t)sprintf(pem, "%s", begin);
	for (size_t i = 0; i < digits; i += 64)
		used += (size_t)sprintf(pem + used, "%.64s\n", text + i);
	used += (size_t)sprintf(pem + used, "%s", end);
	check((const uint8_t *)pem, used);
	free(pem);
	free(text);
	return 0;
}
