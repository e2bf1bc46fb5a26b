/* The office of fuzz_cms.c: its key is gone, it signed the seeds in cms/ and nothing else. */
#ifndef SEKISHO_TESTS_FUZZ_SEEDS_CMS_OFFICE_H
#define SEKISHO_TESTS_FUZZ_SEEDS_CMS_OFFICE_H

#define CMS_OFFICE                                                                                 \
	"-----BEGIN CERTIFICATE-----\n"                                                            \
	"MIIBeTCCAR+gAwIBAgIUXZeFp84ur6e4PtyiA/japzGmVaUwCgYIKoZIzj0EAwIw\n"                       \
	"ETEPMA0GA1UEAwwGb2ZmaWNlMCAXDTI2MTEyMTA5NDMzOVoYDzIxMjYxMDI4MDk0\n"                       \
	"MzM5WjARMQ8wDQYDVQQDDAZvZmZpY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"                       \
	"AAToaWBgY+2hsS5vMeRf1zMfGHJ6JiCAU0/ic2F1ysi4RS9tsH2iBl3aGpRTXga0\n"                       \
	"J7r+nicsnH9eolNHOlkzCzj5o1MwUTAdBgNVHQ4EFgQUgN4c/uT9FQ9bEVjozyCj\n"                       \
	"rkfmTQowHwYDVR0jBBgwFoAUgN4c/uT9FQ9bEVjozyCjrkfmTQowDwYDVR0TAQH/\n"                       \
	"BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA6ME5IcgwJUAw2aMt5BQ7kJXxQ3jW\n"                       \
	"PIPGxwe+rmsw4QkCIGF87K26GASSxCm8vgmkfShBaTa0yiw+KRkU6BxVkuVp\n"                           \
	"-----END CERTIFICATE-----\n"

#endif
