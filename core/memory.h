/* What a process needed only to start, or for something that is over, is given back to the system.
 */
#ifndef SEKISHO_CORE_MEMORY_H
#define SEKISHO_CORE_MEMORY_H

/*
 * Free heap, the stack below the caller, and the pages of programs and libraries that cannot be
 * written to: those come back from the page cache by themselves when they are used. A few µs, and
 * as many again when work begins: for processes that are about to sleep.
 */
void memory_give_back(void);

#endif
