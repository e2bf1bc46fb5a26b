/* Microsoft OS Descriptors 1.0: how a vendor-specific interface says that it is MTP. */
#ifndef SEKISHO_AGENT_OS_DESCRIPTOR_H
#define SEKISHO_AGENT_OS_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

/* String descriptor 0xEE, "MSFT100" and the vendor code to ask with. ERR_FORMAT: it is none. */
int os_descriptor_code(const uint8_t *bytes, size_t length, uint8_t *code);

/* The extended compatible id descriptor: interfaces whose compatible id is "MTP", bit 1 << number.
 * ERR_FORMAT: its lengths and counts do not agree. */
int os_descriptor_mtp(const uint8_t *bytes, size_t length, uint32_t *interfaces);

#endif
