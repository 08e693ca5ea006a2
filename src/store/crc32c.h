/* store/crc32c.h: CRC-32C (Castagnoli), the check of the journal's bytes. */
#ifndef FSL_STORE_CRC32C_H
#define FSL_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Reflected polynomial 82f63b78, start and final xor ffffffff: "123456789" gives e3069283 (RFC 3720, B.4). By the
 * fastest way this processor has. */
uint32_t fsl_crc32c(const uint8_t *bytes, size_t n);
/* The same on any processor. */
uint32_t fsl_crc32c_portable(const uint8_t *bytes, size_t n);

#endif
