/* What a function of ours answers: 0, or one of these. Text comes from error_text() only. */
#ifndef SEKISHO_CORE_ERROR_H
#define SEKISHO_CORE_ERROR_H

enum error {
	ERR_OK = 0,
	ERR_IO = -1, /* the system refused; errno says why where the caller still has it */
	ERR_MEMORY = -2,
	ERR_FORMAT = -3,   /* bytes that do not follow their format */
	ERR_TOO_LONG = -4, /* longer than the format or the buffer allows */
	ERR_NOT_FOUND = -5,
	ERR_EXISTS = -6,
	ERR_DENIED = -7,    /* not allowed to ask, or the answer is no */
	ERR_SIGNATURE = -8, /* missing, wrong, or by a key that may not sign this */
	ERR_EXPIRED = -9,
	ERR_VERSION = -10, /* older than what is in force, or of an unknown format version */
	ERR_TIMEOUT = -11,
	ERR_CLOSED = -12, /* the peer is gone */
	ERR_CRYPTO = -13, /* libcrypto failed for a reason that is not the input's */
	ERR_CHAIN = -14,  /* a hash chain does not continue */
	ERR_UNSAFE = -15, /* a file whose owner, mode or kind is not what it must be */
	ERR_USAGE = -16,
	ERR_SEALED = -17, /* secrets of this terminal that its key cannot open */
};

/* Exit codes of every program (DESIGN: interfaces that stay). */
enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_UNASKED = 3 };

/* One short phrase in the language of language_is_japanese(). Never NULL. */
const char *error_text(int error);

#endif
