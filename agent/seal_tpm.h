/*
 * Sealing by a TPM 2.0. The parent is the storage primary key that every TPM derives from its owner
 * seed by the TCG's template (TCG TPM v2.0 Provisioning Guidance, 7.5.1; ECC P-256), so nothing has
 * to be kept in the TPM. No policy, no authorisation: whoever may speak to this TPM and has the
 * sealed object has the key. What passes to and from the TPM is encrypted, so that a bus shows
 * nothing.
 */
#ifndef SEKISHO_AGENT_SEAL_TPM_H
#define SEKISHO_AGENT_SEAL_TPM_H

#include "agent/seal_file.h"

/* fd: the TPM, borrowed, non-blocking. Sets way and parts. ERR_IO: the TPM does not do it, or does
 * not answer; the caller needs no reason. */
int seal_tpm_close(int fd, const uint8_t key[static STORAGE_KEY_SIZE], struct seal_file *file);

/* ERR_IO: the TPM does not answer; ERR_SEALED: it is not the one, or was cleared since. */
int seal_tpm_open(int fd, const struct seal_file *file, uint8_t key[static STORAGE_KEY_SIZE]);

#endif
