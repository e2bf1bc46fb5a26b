/* Microsoft OS Descriptors 1.0 and 2.0: how a vendor-specific interface says that it is MTP. */
#ifndef SEKISHO_AGENT_OS_DESCRIPTOR_H
#define SEKISHO_AGENT_OS_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

/* String descriptor 0xEE, "MSFT100" and the vendor code to ask with. ERR_FORMAT: it is none. */
int os_descriptor_code(const uint8_t *bytes, size_t length, uint8_t *code);

/* The extended compatible id descriptor: interfaces whose compatible id is "MTP", bit 1 << number.
 * ERR_FORMAT: its lengths and counts do not agree. */
int os_descriptor_mtp(const uint8_t *bytes, size_t length, uint32_t *interfaces);

/* The same by version 2.0: its platform capability among the BOS descriptor's (USB 3.2, 9.6.2), and
 * the descriptor set. A compatible id that is no function's is every interface's. */
int os_descriptor_2_code(const uint8_t *bytes, size_t length, uint8_t *code);
int os_descriptor_2_mtp(const uint8_t *bytes, size_t length, uint32_t *interfaces);

#endif
