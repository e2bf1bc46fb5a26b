#include "core/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* CALLS_ROOM: for the calls below, which are on the stack at that moment. */
enum { CALLS_ROOM = 16384, STACK_DEPTH = 524288 };

/* Only what lies within whole pages of a segment that was never writable: relocations are in the
 * others. */
static int object_give_back(struct dl_phdr_info *object, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
		uintptr_t end =
		        (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0 && begin < end)
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

/* Deeper calls have been there. The kernel keeps 1 MiB below a stack free of anything else, so
 * where it was never that deep there is nothing (ENOMEM). */
static void stack_give_back(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - CALLS_ROOM) & ~(page - 1);

	(void)madvise((void *)(end - STACK_DEPTH), STACK_DEPTH, MADV_DONTNEED);
}

void memory_give_back(void)
{
	malloc_trim(0);
	stack_give_back();
	(void)dl_iterate_phdr(object_give_back, NULL);
}
