/*
 * SoftHSM as a PKCS#11 module whose card can be taken out, for absence.sh: SoftHSM itself tells of
 * no such thing. The card is out from the moment on that the FIFO PULLED_BY was written to.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static CK_FUNCTION_LIST functions;
static CK_FUNCTION_LIST *softhsm;
static bool pulled;

static CK_RV wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	const char *path = getenv("PULLED_BY");
	int fifo = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char byte = 0;

	(void)flags, (void)slot, (void)reserved;
	if (fifo < 0 || read(fifo, &byte, 1) != 1)
		return CKR_GENERAL_ERROR;
	close(fifo);
	pulled = byte == 'p';
	return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_RV code = softhsm->C_GetSlotInfo(slot, info);

	if (pulled)
		info->flags &= ~(CK_FLAGS)CKF_TOKEN_PRESENT;
	return code;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *path = getenv("PULLED_MODULE");
	void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void *found = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
	CK_C_GetFunctionList get = NULL;

	if (found == NULL)
		return CKR_GENERAL_ERROR;
	*(void **)(void *)&get = found;
	if (get(&softhsm) != CKR_OK)
		return CKR_GENERAL_ERROR;
	functions = *softhsm;
	functions.C_WaitForSlotEvent = wait_for_slot_event;
	functions.C_GetSlotInfo = get_slot_info;
	*list = &functions;
	return CKR_OK;
}
