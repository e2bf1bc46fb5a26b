/*
 * A PKCS#11 module that is somebody's enemy, for card.sh: does what the file RUDE_DEED names as
 * soon as it is loaded, or claims a card with a certificate it has read and signs nothing; with
 * "signature", that this is the half of a My Number card that signs.
 */
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static uint8_t certificate[8192];
static size_t certificate_length;
static unsigned found;
static char deed[16];

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static void read_file(const char *path, void *out, size_t size, size_t *length)
{
	FILE *file = fopen(path, "r");

	*length = 0;
	if (file == NULL)
		return;
	*length = fread(out, 1, size, file);
	(void)fclose(file);
}

static void misbehave(void)
{
	char program[] = "touch";
	char *const touch[] = {program, getenv("RUDE_DONE"), NULL};
	const char *state = environment("RUDE_STATE");

	if (strncmp(deed, "exec", 4) == 0) {
		execv("/usr/bin/touch", touch);
	} else if (strncmp(deed, "write", 5) == 0) {
		int fd = open(state, O_RDWR);

		if (fd >= 0)
			(void)open(environment("RUDE_DONE"), O_WRONLY | O_CREAT, 0600);
	} else if (strncmp(deed, "kill", 4) == 0) {
		if (kill(getppid(), SIGKILL) == 0)
			(void)open(environment("RUDE_DONE"), O_WRONLY | O_CREAT, 0600);
	} else if (strncmp(deed, "crash", 5) == 0) {
		abort();
	}
}

static CK_RV initialize(void *arguments)
{
	size_t length = 0;

	(void)arguments;
	read_file(environment("RUDE_DEED"), deed, sizeof(deed) - 1, &length);
	misbehave();
	read_file(environment("RUDE_CERTIFICATE"), certificate, sizeof(certificate),
	        &certificate_length);
	return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	(void)present;
	if (slots != NULL)
		slots[0] = 0;
	*count = 1;
	return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	static const char signature[] = "JPKI (Digital Signature PIN)";

	(void)slot;
	memset(info, 0, sizeof(*info));
	if (strncmp(deed, "signature", 9) == 0) {
		memcpy(info->manufacturerID, "JPKI", 4);
		memcpy(info->label, signature, sizeof(signature) - 1);
	}
	info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
	return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify,
        CK_SESSION_HANDLE *session)
{
	(void)slot, (void)flags, (void)context, (void)notify;
	*session = 1;
	return CKR_OK;
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
	(void)session, (void)template, (void)count;
	found = 0;
	return CKR_OK;
}

static CK_RV find_objects(
        CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
	(void)session, (void)max;
	objects[0] = 1;
	*count = found++ == 0;
	return CKR_OK;
}

static CK_RV yes(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV get_attribute(
        CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute, CK_ULONG count)
{
	const CK_KEY_TYPE type = CKK_EC;

	(void)session, (void)object, (void)count;
	if (attribute->type == CKA_VALUE) {
		memcpy(attribute->pValue, certificate, certificate_length);
		attribute->ulValueLen = certificate_length;
	} else if (attribute->type == CKA_ID) {
		memcpy(attribute->pValue, "\xa1", 1);
		attribute->ulValueLen = 1;
	} else if (attribute->type == CKA_KEY_TYPE) {
		memcpy(attribute->pValue, &type, sizeof(type));
		attribute->ulValueLen = sizeof(type);
	} else {
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	return CKR_OK;
}

static CK_RV log_in(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR *pin, CK_ULONG length)
{
	(void)session, (void)type, (void)pin, (void)length;
	return CKR_OK;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)session, (void)mechanism, (void)key;
	return CKR_OK;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_length,
        CK_BYTE *signature, CK_ULONG *length)
{
	(void)session, (void)data, (void)data_length;
	memset(signature, 1, 64);
	*length = 64;
	return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
	(void)reserved;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
        .version = {2, 40},
        .C_Initialize = initialize,
        .C_Finalize = finalize,
        .C_GetSlotList = get_slot_list,
        .C_GetTokenInfo = get_token_info,
        .C_OpenSession = open_session,
        .C_CloseSession = yes,
        .C_FindObjectsInit = find_init,
        .C_FindObjects = find_objects,
        .C_FindObjectsFinal = yes,
        .C_GetAttributeValue = get_attribute,
        .C_Login = log_in,
        .C_Logout = yes,
        .C_SignInit = sign_init,
        .C_Sign = sign,
};

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	*list = &functions;
	return CKR_OK;
}
