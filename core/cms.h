/* Documents the office signs: CMS SignedData (RFC 5652) with the content inside, PEM, by pinned
 * P-256 certificates. */
#ifndef SEKISHO_CORE_CMS_H
#define SEKISHO_CORE_CMS_H

#include <stddef.h>
#include <stdint.h>

/* A policy with 100,000 rules has room; signed, as PEM, it is a third longer. */
enum { CMS_CONTENT_MAX = 8 << 20, CMS_SIGNED_MAX = 2 * CMS_CONTENT_MAX, CMS_SIGNERS_MAX = 8 };

struct cms_signer {
	char subject[256];    /* RFC 2253 */
	char fingerprint[65]; /* SHA-256 of the certificate, hex */
};

/* Signs content; certificate and key are PEM. Adds a signature to signed_pem when that is not NULL
 * (then content must be NULL: it is inside), once the signatures there are found to be good by the
 * certificates inside. *out malloc'd PEM. ERR_FORMAT (also for a key that is not the
 * certificate's), ERR_EXISTS (this certificate has signed), ERR_TOO_LONG, ERR_SIGNATURE, ERR_USAGE.
 */
int cms_sign(const uint8_t *content, size_t length, const char *signed_pem,
        const char *certificate_pem, const char *key_pem, char **out, size_t *out_length);

/*
 * Verifies every signature against the pinned certificates (PEM bundle) and nothing else:
 * certificates inside the message are ignored. Needs at least `needed` different pinned signers; a
 * signature by anyone else, or a bad one, refuses the whole, and so does anything but white space
 * around the PEM block. Signers are different when their keys are. Validity dates are not looked
 * at: pinning is what trusts, and a terminal's clock proves nothing. *content is malloc'd and
 * NUL-terminated; signers and signer_count may be NULL. ERR_FORMAT, ERR_TOO_LONG, ERR_SIGNATURE
 * (also for no pinned certificate at all), ERR_USAGE (needed is 0).
 */
int cms_verify(const uint8_t *pem, size_t pem_length, const uint8_t *trusted_pem,
        size_t trusted_length, size_t needed, uint8_t **content, size_t *length,
        struct cms_signer signers[CMS_SIGNERS_MAX], size_t *signer_count);

#endif
