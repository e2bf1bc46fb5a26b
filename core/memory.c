#include "core/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

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

void memory_give_back(void)
{
	malloc_trim(0);
	(void)dl_iterate_phdr(object_give_back, NULL);
}
