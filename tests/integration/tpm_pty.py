#!/usr/bin/env python3
"""A software TPM (swtpm) where the agent looks for one: LINK becomes a terminal line of its own that carries the TPM's
commands and answers, one after the other.
    tpm_pty.py LINK STATE PIDFILE
STATE is the directory where the TPM keeps its seeds; PIDFILE gets its process. Ends, with the TPM, on SIGTERM."""
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
import tty

HEADER = 10

link, state, pid_file = sys.argv[1:]
ours, theirs = socket.socketpair()
master, slave = pty.openpty()  # the slave stays open: else the master would read its end
tty.setraw(slave)
swtpm = subprocess.Popen(
    ["swtpm", "socket", "--tpm2", "--fd", str(theirs.fileno()), "--tpmstate", f"dir={state}",
     "--flags", "not-need-init,startup-clear"], pass_fds=[theirs.fileno()])
theirs.close()


def leave(*_):
    swtpm.kill()
    swtpm.wait()
    if os.path.islink(link):
        os.unlink(link)
    os._exit(0)


def whole(read):
    message = read(HEADER)
    while len(message) < HEADER or len(message) < int.from_bytes(message[2:6], "big"):
        more = read(4096)
        if not more:
            leave()
        message += more
    return message


signal.signal(signal.SIGTERM, leave)
with open(pid_file, "w", encoding="ascii") as file:
    file.write(f"{swtpm.pid}\n")
if os.path.islink(link):
    os.unlink(link)
os.symlink(os.ttyname(slave), link)
while True:
    command = whole(lambda size: os.read(master, size))
    termios.tcflush(slave, termios.TCIFLUSH)  # an answer that nobody waited for
    ours.sendall(command)
    answer = whole(ours.recv)
    if not select.select([master], [], [], 0)[0]:
        os.write(master, answer)
