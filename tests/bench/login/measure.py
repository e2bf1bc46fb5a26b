"""measure.py USERS CODES MAIN SERVICE...: a table row for each service; MAIN is the agent's main process.

CODES is a file of codes, or totp:SEED:ROUNDS:FILE for the code of the moment, so many times; each line of that FILE, "FROM TO",
names a state that is put back before each login, on the disk.
"""
import hashlib
import hmac
import os
import resource
import statistics
import subprocess
import sys
import time

users, main = sys.argv[1], sys.argv[3]
seed, states = None, []
if sys.argv[2].startswith("totp:"):
    _, seed, rounds, file = sys.argv[2].split(":")
    codes = [None] * int(rounds)
    states = [(open(old, "rb").read(), new) for old, new in (line.split() for line in open(file))]
else:
    codes = open(sys.argv[2]).read().split()
services = sys.argv[4:]
tick = os.sysconf("SC_CLK_TCK")


def agent_processes():
    pids = [main]
    for task in os.listdir(f"/proc/{main}/task"):
        pids += open(f"/proc/{main}/task/{task}/children").read().split()
    return pids


def agent_cpu():
    """With the ended ones: workers of auth, a process card or fido2 of main."""
    try:
        stats = [open(f"/proc/{pid}/stat").read() for pid in agent_processes()]
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return agent_cpu()
    return sum(int(f) for s in stats for f in s.rsplit(")", 1)[1].split()[11:15]) / tick


def written(pid):
    try:
        lines = open(f"/proc/{pid}/io").readlines()
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile: its parent's now
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


def all_written():
    return sum(written(pid) for pid in agent_processes() + ["self"])


def client_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def code_now():
    if time.time() % 30 > 28:  # not one that ends while it is used
        time.sleep(2.5)
    digest = hmac.new(bytes.fromhex(seed), int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 1000000:06d}"


def put_back():
    for old, new in states:
        fd = os.open(new, os.O_WRONLY)
        os.pwrite(fd, old, 0)
        os.ftruncate(fd, len(old))
        os.fsync(fd)
        os.close(fd)


def log_in(service, code):
    if seed is not None:
        put_back()
        code = code_now()
    before = (client_cpu(), all_written())
    begun = time.perf_counter()
    done = subprocess.run(["pamtester", service, "games", "authenticate"], input=code + "\n",
                          capture_output=True, text=True)
    wall = time.perf_counter() - begun
    if "successfully authenticated" not in done.stdout + done.stderr:
        sys.exit(f"{service}: {done.stdout}{done.stderr}")
    after = (client_cpu(), all_written())
    return wall, after[0] - before[0], after[1] - before[1]


figures = {service: [] for service in services}
agent_before = agent_cpu()
# pam_oath's megabytes keep the disk from everybody else's fsync: it goes last, alone.
for turn in ([s for s in services if s != "oath"], [s for s in services if s == "oath"]):
    os.sync()
    for code in codes:
        for service in turn:
            figures[service].append(log_in(service, code))
time.sleep(0.5)  # a worker or a process card may be ending
agent = {"sekisho": agent_cpu() - agent_before}  # nobody else asks it
wall = {s: statistics.median(f[0] for f in figures[s]) * 1000 for s in services}
for service in services:
    cpu = (sum(f[1] for f in figures[service]) + agent.get(service, 0)) / len(codes) * 1000
    bytes_written = sum(f[2] for f in figures[service]) / len(codes)
    ratio = f"  sekisho / {service} {wall['sekisho'] / wall[service]:.2f}" if service not in ("permit", "sekisho") else ""
    print(f"{users:>7} users  {service:8} {wall[service]:8.2f} ms  fastest {min(f[0] for f in figures[service]) * 1000:7.2f} ms  cpu {cpu:7.2f} ms  "
          f"written {bytes_written:10.0f} bytes{ratio}", flush=True)
