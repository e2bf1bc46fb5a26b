/* One PEM block (RFC 7468) and nothing around it: text beside a signed block would be read and is
 * not signed. */
#ifndef SEKISHO_CORE_PEM_H
#define SEKISHO_CORE_PEM_H

#include <stddef.h>
#include <stdint.h>

struct pem_block {
	char *label; /* "CERTIFICATE" */
	uint8_t *bytes;
	size_t length;
};

/* ERR_FORMAT for no block, headers inside it, or anything but white space around it. */
int pem_read(const uint8_t *pem, size_t length, struct pem_block *block);

/* Wipes and frees what is inside. */
void pem_clear(struct pem_block *block);

/* What a memory BIO holds, as malloc'd text; the BIO's own copy stays its owner's to free. */
int pem_copy_text(void *bio, char **text, size_t *length);

#endif
