/* Where things lie, relative to the root ("/" unless --root says otherwise). Programs open them
 * with openat(). */
#ifndef SEKISHO_AGENT_PATHS_H
#define SEKISHO_AGENT_PATHS_H

#define PATH_AGENT_YAML "etc/sekisho/agent.yaml"
#define PATH_POLICY_SIGNERS                                                                        \
	"etc/sekisho/trust/policy-signers.pem"         /* certificates that may sign policy */
#define PATH_CARD_CA "etc/sekisho/trust/card-ca.pem"   /* who issues the cards that log in */
#define PATH_CARD_CRL "etc/sekisho/trust/card-crl.pem" /* and which of them are revoked */
#define PATH_COLLECTOR_CA                                                                          \
	"etc/sekisho/trust/collector-ca.pem" /* issuer of the collector's TLS certificate */

#define PATH_STATE "var/lib/sekisho"
#define PATH_POLICY_DIR "var/lib/sekisho/policy" /* 0750 root:_sekisho */
#define POLICY_OFFERED "offered.p7"   /* what was put there last, by hand or by the CLI */
#define POLICY_IN_FORCE "in-force.p7" /* the last one accepted; written by main only */
#define POLICY_VERSION "version"      /* its version, decimal and a newline: never goes down */
#define PATH_JOURNAL_DIR "var/lib/sekisho/journal" /* 0700 _sekisho-sign */
#define PATH_SIGNER_DIR "var/lib/sekisho/signer"   /* 0700 _sekisho-sign */
#define SIGNER_KEY "terminal.key"                  /* PKCS#8 PEM, 0600 _sekisho-sign */
#define SIGNER_STATE                                                                               \
	"reported" /* "SEQ JOURNAL HASH UEID\n": last stored report, its last event and that       \
	              line's hash */
#define PATH_ENROLMENT_DIR "var/lib/sekisho/enrolment" /* 0755 root */
#define ENROLMENT_FILE                                                                             \
	"enrolment.json" /* {"collector":URL,"terminal":NAME,"ueid":...,"receipt_key":PEM} */
#define ENROLMENT_CERTIFICATE "terminal.pem" /* issued by the collector for the terminal's key */
#define PATH_OUTBOX_DIR                                                                            \
	"var/lib/sekisho/outbox"             /* 0700 _sekisho-net; incoming/ and outgoing/ within */
#define PATH_AUTH_DIR "var/lib/sekisho/auth" /* 0700 root; a file a user, 0600 root */
#define AUTH_DECOY ".decoy"                  /* auth_state.h; made by main */

#define AUTH_TAKEN ".taken-" /* + day-id: that voucher was taken here */
#define PATH_VOUCHER_DIR                                                                           \
	"var/lib/sekisho/voucher" /* 0755 root; an empty file DAY.USER for each in force */
#define PATH_SEAL_DIR                                                                              \
	"var/lib/sekisho-seal" /* 0700 _sekisho-auth; beside the state: who copies that has not    \
	                          copied this */
#define SEAL_KEY "storage.key" /* 0400 _sekisho-auth; agent/seal_file.h */
#define SEAL_KEY_OLD "storage.key.before" /* what `sekisho reseal` put aside */
#define PATH_TPM "dev/tpmrm0"

#define PATH_UNATTENDED_DIR                                                                        \
	"var/lib/sekisho/unattended" /* 0755 root; an empty file SERVICE for each, written by main \
	                              */

#define PATH_RUN "run/sekisho"
#define PATH_UDEV_BUSY "run/udev/queue"
#define PORTS_MARK "boot-mark" /* in PATH_MEDIA_DIR: REQUEST_PORTS_MARK's number, and a newline */
#define PATH_CONTROL_SOCKET "run/sekisho/control.sock" /* 0600 root */
#define PATH_AUTH_SOCKET                                                                           \
	"run/sekisho/auth.sock" /* 0666: lockers run as their user; SO_PEERCRED decides */

#define PATH_WAYS_DIR                                                                              \
	"run/sekisho/ways" /* 0755 root; a file WAY for each kind that the policy does not deny:   \
	                      load-module looks */
#define PATH_MEDIA_DIR "run/sekisho-media" /* 0755 root; agent/medium.h */

#endif
