/*
 * The second line against block devices: gate.bpf.c in the kernel, pinned in bpffs by `gate`
 * (gate.c). Read by the compiler for both.
 */
#ifndef SEKISHO_AGENT_GATE_H
#define SEKISHO_AGENT_GATE_H

/* In it the map and a directory of programs (gate_pins.h). Other programs have a directory of
 * another name and take over the map, so that an upgrade closes nothing that is released; another
 * layout of the map would need another name for it. */
#define GATE_PINS "/sys/fs/bpf/sekisho"
#define GATE_PIN_MAP GATE_PINS "/released"

/* In PATH_MEDIA_DIR, for main: "active", "off", "absent: CAUSE". */
#define GATE_STATE "gate.state"

/* MARK: the kernel's mark "read-only" may be changed. */
enum { GATE_READ = 1, GATE_WRITE = 2, GATE_MARK = 4, GATE_ALL = 7, GATE_RELEASED_MAX = 8192 };

/* A device's number as the kernel has it inside. */
#define GATE_DEVICE(major, minor) (((major) << 20) | (minor))

#endif
