/*
 * The conversation on /run/sekisho/auth.sock (core/PROTOCOL.md §3). The module speaks first and
 * only relays; the agent decides. One connection is one call of one PAM entry point.
 */
#ifndef SEKISHO_CORE_LOGIN_H
#define SEKISHO_CORE_LOGIN_H

enum login_message {
	LOGIN_BEGIN = 0x0101, /* u8 stage, string service, string user, string tty, string rhost,
	                         u8 language (enum language); without the last: not said */
	LOGIN_PROMPT =
	        0x0102, /* u8 style, string text; LOGIN_ECHO_OFF and _ON want a LOGIN_ANSWER */
	LOGIN_ANSWER = 0x0103, /* string text */
	LOGIN_RESULT = 0x0104, /* u8 result; the last message */
};

enum login_stage {
	LOGIN_AUTHENTICATE = 1,
	LOGIN_ACCOUNT,
	LOGIN_SESSION_OPEN,
	LOGIN_SESSION_CLOSE,
	LOGIN_PASSWORD,
};

enum login_style { LOGIN_ECHO_OFF = 1, LOGIN_ECHO_ON, LOGIN_INFO, LOGIN_ERROR };

enum login_result {
	LOGIN_SUCCESS = 1,
	LOGIN_AUTH_ERR,
	LOGIN_MAXTRIES,
	LOGIN_UNAVAILABLE,
	LOGIN_ACCT_EXPIRED,
	LOGIN_PERM_DENIED,
	LOGIN_NEW_AUTHTOK,
};

enum { LOGIN_TEXT_MAX = 512, LOGIN_NAME_MAX = 256, LOGIN_FRAME_MAX = 4096 };

#endif
