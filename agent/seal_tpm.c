#include "agent/seal_tpm.h"

#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "agent/seal_device.h"
#include "core/error.h"

enum { ANSWER_MS = 8000 };

/* Of an error of the TPM's own with a format of its own: a parameter, a handle, a session. */
enum { LAYER = 0xff0000, FORMAT_1 = 0x80 };

struct talk {
	struct seal_device device;
	ESYS_CONTEXT *esys;
	ESYS_TR parent;
	ESYS_TR session;
};

/* The TCG's template, by which every TPM makes the same key again. */
static TPM2B_PUBLIC parent_template(void)
{
	TPM2B_PUBLIC t = {0};
	TPMS_ECC_PARMS *ecc = &t.publicArea.parameters.eccDetail;

	t.publicArea.type = TPM2_ALG_ECC;
	t.publicArea.nameAlg = TPM2_ALG_SHA256;
	t.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
	                                TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
	                                TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
	                                TPMA_OBJECT_DECRYPT;
	ecc->symmetric.algorithm = TPM2_ALG_AES;
	ecc->symmetric.keyBits.aes = 128;
	ecc->symmetric.mode.aes = TPM2_ALG_CFB;
	ecc->scheme.scheme = TPM2_ALG_NULL;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	t.publicArea.unique.ecc.x.size = 32;
	t.publicArea.unique.ecc.y.size = 32;
	return t;
}

static TSS2_RC make_parent(struct talk *t)
{
	const TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_PUBLIC template = parent_template();
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION registers = {0};

	return Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	        ESYS_TR_NONE, &sensitive, &template, &outside, &registers, &t->parent, NULL, NULL,
	        NULL, NULL);
}

/* Salted with the parent: who listens on the bus learns nothing of the key. */
static TSS2_RC start_session(struct talk *t)
{
	const TPMT_SYM_DEF cipher = {
	        .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
	const TPMA_SESSION wanted =
	        TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
	TSS2_RC r =
	        Esys_StartAuthSession(t->esys, t->parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
	                ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &t->session);

	return r == TSS2_RC_SUCCESS ? Esys_TRSess_SetAttributes(t->esys, t->session, wanted, 0xff)
	                            : r;
}

static TSS2_RC begin(struct talk *t, int fd)
{
	TSS2_RC r = 0;

	*t = (struct talk){.parent = ESYS_TR_NONE, .session = ESYS_TR_NONE};
	seal_device_open(&t->device, fd, ANSWER_MS);
	r = Esys_Initialize(&t->esys, (TSS2_TCTI_CONTEXT *)&t->device, NULL);
	if (r == TSS2_RC_SUCCESS)
		r = make_parent(t);
	if (r == TSS2_RC_SUCCESS)
		r = start_session(t);
	return r;
}

/* A TPM without a resource manager has room for three of these. */
static void end(struct talk *t)
{
	if (t->session != ESYS_TR_NONE)
		(void)Esys_FlushContext(t->esys, t->session);
	if (t->parent != ESYS_TR_NONE)
		(void)Esys_FlushContext(t->esys, t->parent);
	if (t->esys != NULL)
		Esys_Finalize(&t->esys);
}

static int put_parts(
        const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private, struct seal_file *file)
{
	struct seal_part *one = &file->public;
	struct seal_part *other = &file->private;

	*file = (struct seal_file){.way = SEAL_BY_TPM};
	if (Tss2_MU_TPM2B_PUBLIC_Marshal(public, one->bytes, sizeof(one->bytes), &one->length) !=
	                TSS2_RC_SUCCESS ||
	        Tss2_MU_TPM2B_PRIVATE_Marshal(private, other->bytes, sizeof(other->bytes),
	                &other->length) != TSS2_RC_SUCCESS)
		return ERR_IO;
	return 0;
}

/* A few bytes that only this TPM gives out. */
static TPM2B_PUBLIC data_template(void)
{
	TPM2B_PUBLIC t = {0};

	t.publicArea.type = TPM2_ALG_KEYEDHASH;
	t.publicArea.nameAlg = TPM2_ALG_SHA256;
	t.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
	                                TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
	t.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	return t;
}

int seal_tpm_close(int fd, const uint8_t key[static STORAGE_KEY_SIZE], struct seal_file *file)
{
	TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_PUBLIC template = data_template();
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION registers = {0};
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	struct talk t;
	int error = ERR_IO;
	TSS2_RC r = begin(&t, fd);

	sensitive.sensitive.data.size = STORAGE_KEY_SIZE;
	memcpy(sensitive.sensitive.data.buffer, key, STORAGE_KEY_SIZE);
	if (r == TSS2_RC_SUCCESS)
		r = Esys_Create(t.esys, t.parent, t.session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
		        &template, &outside, &registers, &private, &public, NULL, NULL, NULL);
	if (r == TSS2_RC_SUCCESS)
		error = put_parts(public, private, file);
	explicit_bzero(&sensitive, sizeof(sensitive));
	Esys_Free(private);
	Esys_Free(public);
	end(&t);
	return error;
}

static TSS2_RC load(struct talk *t, const struct seal_file *file, ESYS_TR *object)
{
	TPM2B_PUBLIC public = {0};
	TPM2B_PRIVATE private = {0};
	size_t at = 0;
	TSS2_RC r = Tss2_MU_TPM2B_PUBLIC_Unmarshal(
	        file->public.bytes, file->public.length, &at, &public);

	if (r == TSS2_RC_SUCCESS) {
		at = 0;
		r = Tss2_MU_TPM2B_PRIVATE_Unmarshal(
		        file->private.bytes, file->private.length, &at, &private);
	}
	if (r == TSS2_RC_SUCCESS)
		r = Esys_Load(t->esys, t->parent, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &private,
		        &public, object);
	return r;
}

/* The TPM looked at what it was given, and does not know it. */
static int error_of(TSS2_RC r)
{
	if (r == TSS2_RC_SUCCESS)
		return 0;
	return (r & LAYER) == TSS2_TPM_RC_LAYER && (r & FORMAT_1) != 0 ? ERR_SEALED : ERR_IO;
}

static int unseal(struct talk *t, ESYS_TR object, uint8_t key[static STORAGE_KEY_SIZE])
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	int error = error_of(
	        Esys_Unseal(t->esys, object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &data));

	if (error == 0 && data->size != STORAGE_KEY_SIZE)
		error = ERR_SEALED;
	if (error == 0)
		memcpy(key, data->buffer, STORAGE_KEY_SIZE);
	if (data != NULL)
		explicit_bzero(data, sizeof(*data));
	Esys_Free(data);
	return error;
}

int seal_tpm_open(int fd, const struct seal_file *file, uint8_t key[static STORAGE_KEY_SIZE])
{
	ESYS_TR object = ESYS_TR_NONE;
	struct talk t;
	int error = begin(&t, fd) == TSS2_RC_SUCCESS ? 0 : ERR_IO;

	if (error == 0)
		error = error_of(load(&t, file, &object));
	if (error == 0)
		error = unseal(&t, object, key);
	if (object != ESYS_TR_NONE)
		(void)Esys_FlushContext(t.esys, object);
	end(&t);
	return error;
}
