"""corpus.py - what each program of programs/ must and must not get: one row for each attempt.

A row is what attempts.js tells, as a regular expression for all of it: "refused ENOENT",
"got false", "silence". What an attempt may get is said as exactly as what it may not. A number with
a bound is at_most(n) or between(low, high). Program() also says with which limits it runs, what
other paths of it answer, and how its run ends, where that is the point.

Programs are harmless by themselves. Beside each lie attempts.js and host.json: where on this host
there is something to be found.
"""
import base64
import dataclasses
import gzip
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# The limits that the product is started with.
PIDS, FILES, FILE_MB, MEMORY_MB = 64, 256, 16, 128

HANG_UP = 0             # for asks: no answer ends within a second, and then the caller hangs up
NOT_THERE = "refused ENOENT"
NOT_ALLOWED = "refused (EACCES|EPERM)"
READ_ONLY = "refused (EROFS|EACCES|EPERM|ENOENT)"
NOT_GRANTED = "refused EGRESS_DENIED"
NO_ROUTE = "refused (ENETUNREACH|EADDRNOTAVAIL|EHOSTUNREACH)"
NOBODY_LISTENS = "refused ECONNREFUSED"
NO_PROCESS = "refused ESRCH"
SIGNAL_TO_NOBODY = "got true|refused EPERM"    # it goes off and nothing comes of it; or Landlock scopes signals
CHILD = ('got {"filter":"2","privileges":"1","capabilities":"0{48}","environment":false,"core_files":"0",'
         '"oom_score":"EACCES","shadow":"ENOENT"}')


@dataclasses.dataclass
class Number:
    """`got N` with N in these bounds."""
    low: int
    high: int

    def fits(self, told):
        return bool(re.fullmatch(r"got \d+", told)) and self.low <= int(told[4:]) <= self.high


def at_most(high):
    return Number(0, high)


def between(low, high):
    return Number(low, high)


@dataclasses.dataclass
class Program:
    attempts: dict                      # name: what must be told
    config: dict = dataclasses.field(default_factory=dict)
    without_cgroups: dict = dataclasses.field(default_factory=dict)     # rows of a host that has none
    asks: dict = dataclasses.field(default_factory=dict)        # path: HTTP status of the preview
    ends: str = ""                      # the reason its run ends for, after all was asked
    after: str = ""                     # what of the host is looked at: a method of the runner


def probed_calls():
    """What tests/sandbox/limits_test.c says of every call of tests/sandbox/syscall_probe.c."""
    rows = re.findall(r'{"(\w+) (\w+)"}', (HERE / "../sandbox/limits_test.c").read_text())
    return {name: f"got {error}" for name, error in rows}


def compiled(source):
    """A program for a cage: static, small enough for a file of an app."""
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory, "program")
        subprocess.run(["cc", "-static", "-O1", "-s", "-D_GNU_SOURCE", "-o", program, source], check=True)
        return base64.b64encode(gzip.compress(program.read_bytes())).decode()


def fits(expected, told):
    return expected.fits(told) if isinstance(expected, Number) else bool(re.fullmatch(expected, told))


def files_of(name):
    """The program, and what it needs."""
    files = {"server.js": (HERE / "programs" / f"{name}.js").read_text(),
             "attempts.js": (HERE / "attempts.js").read_text()}
    if name == "system_calls":
        files["native.gz64"] = compiled(HERE / "native.c")
        files["probe.gz64"] = compiled(HERE / "../sandbox/syscall_probe.c")
    return files


PROGRAMS = {
    # ---- files ----
    "host_files": Program({
        "shadow": NOT_THERE,
        "passwd": r"got root:x:0:0:root:/:\nx|got app:x:1000:1000:.*\n",
        "canary": NOT_THERE,
        "data_directory": NOT_THERE,
        "run_directory": NOT_THERE,
        "homes": NOT_THERE,
        "host_tmp": NOT_THERE,
        "shell": NOT_THERE,
        "old_root": NOT_THERE,
        "root": "got app,data,dev,etc,isekai,(node_modules,)?proc,tmp,usr",
        "sys": NOT_THERE,
        "cgroups": NOT_THERE,
    }),
    "other_apps": Program({
        "data": NOT_THERE,
        "code": NOT_THERE,
        "beside": r"got \[\]",
        "beside_by_name": NOT_THERE,
        "temporary": NOT_THERE,
        "shared_memory": NOT_THERE,
        "door": NOT_THERE,
        "socket": NOT_THERE,
        "abstract_socket": NOBODY_LISTENS,
        "processes": "got 0",
    }),
    "service_sockets": Program({
        "broker": NOT_THERE,
        "system_bus": NOT_THERE,
        "systemd": NOT_THERE,
        "notify": NOT_THERE,
        "docker": NOT_THERE,
        "containerd": NOT_THERE,
        "journal": NOT_THERE,
        "log": NOT_THERE,
        "x11": NOBODY_LISTENS,
        "abstract": NOBODY_LISTENS,
        "of_kernel": "got false",
    }),
    "links": Program({
        "symlink": NOT_THERE,
        "symlink_up": NOT_THERE,
        "symlink_to_root_of_init": NOT_ALLOWED,
        "symlink_to_cwd_of_init": NOT_ALLOWED,
        "symlink_to_descriptor": "refused (ENOENT|ENOTDIR)",
        "hard_link": "refused (EXDEV|EPERM)",
        "hard_link_to_program": "refused (EXDEV|EPERM)",
        "hard_link_between": "refused EXDEV",
        "rename_out": "refused (EBUSY|EROFS|EXDEV)",
        "own_root": NOT_THERE,
        "up_and_out": NOT_THERE,
    }),

    # ---- processes ----
    "process_one": Program({
        "environment": NOT_ALLOWED,
        "descriptors": NOT_ALLOWED,
        "descriptor": NOT_ALLOWED,
        "memory": NOT_ALLOWED,
        "maps": NOT_ALLOWED,
        "root": NOT_ALLOWED,
        "directory": NOT_ALLOWED,
        "program": NOT_ALLOWED,
        "namespaces": NOT_ALLOWED,
        "oom_score": NOT_ALLOWED,
        "limits": NOT_ALLOWED,
        "kill": SIGNAL_TO_NOBODY,
        "stop": SIGNAL_TO_NOBODY,
        "terminate": SIGNAL_TO_NOBODY,
        "interrupt": SIGNAL_TO_NOBODY,
        "segfault": SIGNAL_TO_NOBODY,
        "child_ended": SIGNAL_TO_NOBODY,
        "everybody": NO_PROCESS,            # process 1 and itself are not in it
    }),
    "relay": Program({
        "second_listener": "refused EADDRINUSE",
        "second_on_all": "refused EADDRINUSE",
        "own_door": "got 0",
        "door_of_init": "got false",
        "door_by_name": NOT_THERE,
        "self_connect": "got done",
    }),
    "proc_and_sys": Program({
        "hostname": READ_ONLY,
        "core_pattern": READ_ONLY,
        "modprobe": READ_ONLY,
        "user_namespaces": READ_ONLY,
        "overcommit": READ_ONLY,
        "drop_caches": READ_ONLY,
        "forwarding": READ_ONLY,
        "binfmt": READ_ONLY,
        "sysrq": READ_ONLY,
        "uid_map": NOT_ALLOWED,
        "setgroups": NOT_ALLOWED,
        "log": NOT_ALLOWED,
        "memory": NOT_ALLOWED + "|" + NOT_THERE,
        "symbols": "got 0",
        "keys": at_most(0),
        "sys": NOT_THERE,
        "power": NOT_THERE,
        "uevent": NOT_THERE,
        "release_agent": NOT_THERE,
        "debug": NOT_THERE,
    }),
    "environment": Program({
        "names": "got DATA_DIR,HOME,LANG,NODE_ENV,PATH,PORT,PWD,TMPDIR",
        "secret": "got false",
        "at_start": "got false",
        "of_all": "got false",
        "arguments_of_init": "got false",
        "mounts_name_the_host": "got 0",
        "configuration": "got group,hosts,localtime,nsswitch.conf,passwd,resolv.conf",
    }),
    "signals": Program({
        "gateway": NO_PROCESS,
        "sandbox": NO_PROCESS,
        "up": NO_PROCESS,
        "highest": NO_PROCESS,
        "all_numbers": "got 0",
        "all_groups": "got true",
    }),
    "memory_of_others": Program({
        "init": NOT_ALLOWED,
        "gateway": NOT_THERE,
        "parent": NOT_ALLOWED,
        "child": "got|refused EACCES",
        "program": "refused (EROFS|EACCES|ETXTBSY)",
        "vsyscall": "refused EIO",
    }),
    "setuid_programs": Program({
        "su": NOT_THERE,
        "sudo": NOT_THERE,
        "mount": NOT_THERE,
        "pkexec": NOT_THERE,
        "bwrap": NOT_THERE,
        "given_away": "refused (EPERM|EINVAL)",
        "become_root": "refused EPERM",
        "become_another": "refused EPERM",
        "groups": "refused EPERM",
        "files_are_inert": "got 0",
    }),
    "tools": Program({
        **dict.fromkeys("sh bash busybox mount umount chroot unshare nsenter ip nft curl wget nc ssh "
                        "python3 perl gcc strace gdb capsh npm git".split(), NOT_THERE),
        "loader": NOT_THERE,
    }),

    # ---- network ----
    "connect_out": Program({
        "gateway": NOBODY_LISTENS,
        "listener": NOBODY_LISTENS,
        "listener_by_any": NOBODY_LISTENS,
        "listener_by_six": NOBODY_LISTENS,
        "listener_by_mapped": NOBODY_LISTENS,
        "listener_by_address": NOT_GRANTED,
        "world": NOT_GRANTED,
        "world_six": NOT_GRANTED,
        "metadata": NOT_GRANTED,
        "private_network": NOT_GRANTED,
        "link_local": NOT_GRANTED,
        "neighbour_port": NOBODY_LISTENS,
        "fetch": "refused fetch failed",
        "api": NOBODY_LISTENS,
    }),
    "datagrams": Program({
        "world": NO_ROUTE,
        "world_six": NO_ROUTE,
        "host": NO_ROUTE,
        "multicast": NO_ROUTE,
        "everybody": NO_ROUTE,
        "lookup": "refused (EAI_AGAIN|ENOTFOUND)",
        "resolve": "refused (ECONNREFUSED|ETIMEOUT|ESERVFAIL)",
        "resolve_by_other": "refused (ECONNREFUSED|ETIMEOUT|ESERVFAIL)",
        "own_loopback": "got sent",
    }),
    "listen_outside": Program({
        "everywhere": "got listens",
        "low_port": "refused EACCES",
        "gateways_port": "got listens",
        "hosts_address": "refused EADDRNOTAVAIL",
        "socket_in_run": "refused (ENOENT|EACCES)",
        "abstract": "got listens",
        "interfaces": "got lo",
        "routes": "got 0",
    }, after="nothing_listens"),

    # ---- amounts ----
    "fork_bomb": Program({
        "processes": between(10, PIDS),
    }),
    "thread_bomb": Program({"threads": between(10, PIDS)}, config={"memoryMb": 512}),
    "memory_hog": Program({}, asks={"/eat": 502}, ends="oom"),
    "memory_hog_of_many": Program({"killed": between(1, 4)}, without_cgroups={"killed": "got 0"}),
    "memory_by_tmp": Program({
        "tmp": between(32, 64),
        "shared_memory": between(8, 16),
        "dev": READ_ONLY,
        "root": READ_ONLY,
        "names": "got true",
    }, config={"memoryMb": 256}),
    "large_files": Program({
        "written": "refused EFBIG",
        "in_app": "refused EFBIG",
        "size": f"got {FILE_MB}",
        "sparse": "refused EFBIG",
        "far_away": "refused EFBIG",
        "appended": "refused EFBIG",
    }),
    "disk_fill": Program({}, config={"diskMb": 32}, asks={"/fill": 200}, ends="signal"),
    "nameless_files": Program({}, config={"diskMb": 32}, asks={"/fill": 200}, ends="signal"),
    "many_files": Program({}, config={"maxFiles": 1000}, asks={"/fill": 200}, ends="signal"),
    "log_flood": Program({"flood": "got", "one_line": "got", "forged": "got"}, after="log_is_bounded"),
    "descriptors": Program({
        "of_others": "got ",
        "many": between(32, FILES),
    }),
    "endless_cpu": Program({"percent": between(1, 65)}, config={"cpuPercent": 50},
                           without_cgroups={"percent": at_most(1000)}),
    "zombies": Program({"left": "got 0"}),
    "deaf": Program({"child": "got started", "itself": "got"}),
    "watchers": Program({"watches": "got true", "recursive": "got|refused .*"}),
    "clocks": Program({
        "now": "got true",
        "steady": "got true",
        "uptime": "got true",
        "set_by_file": NOT_ALLOWED,
        "set_by_device": NOT_THERE,
        "many_timers": "got done",
        "slack": NOT_ALLOWED,
    }),
    "priorities": Program({
        "higher": NOT_ALLOWED,
        "lower": "got",
        "back": NOT_ALLOWED,
        "of_init": "refused (EPERM|EACCES|ENOSYS)",
        "score": NOT_ALLOWED,
        "score_below_ours": "got|refused EACCES",    # of all in the cage it goes last then, process 1 but for
        "score_of_init": NOT_ALLOWED,
        "autogroup": "got|" + NOT_ALLOWED + "|" + NOT_THERE,
        "move": NOT_THERE,
    }),

    # ---- answers ----
    "slow_answers": Program({}, asks={"/drip": HANG_UP, "/silent": HANG_UP, "/endless": HANG_UP}),
    "split_answers": Program({}, asks={
        "/split": 502, "/folded": 502, "/nul": 502, "/two_lengths": 502, "/length_and_chunks": 502,
        "/second": 200, "/switch": 502, "/nothing": 502, "/garbage": 502}),
    "endless_heads": Program({}, asks={"/line": 502, "/lines": 502, "/interim": 502}),
    "cookies": Program({}, asks={"/set": 200}, after="cookies_stay_its_own"),

    # ---- names ----
    "file_names": Program({
        "newline": "got",
        "controls": "got",
        "not_utf8": "got",
        "option": "got",
        "wildcard": "got",
        "quotes": "got",
        "longest": "got",
        "too_long": "refused ENAMETOOLONG",
        "from_right_to_left": "got",
        "nul": "refused ERR_INVALID_ARG_VALUE",
        "read_only": "got",
        "fifo_like": "got",
    }),
    "deep_directories": Program({
        "wide": "got",
        "round": "got true",
        "into_itself": "refused EINVAL",
    }, asks={"/deep": 200}, ends="signal"),
    "spoofed_title": Program({
        "title": "got isekai-gateway",
        "newline": "got",
        "comm": "got|refused EACCES",
        "comm_of_init": NOT_ALLOWED,
    }),

    # ---- doors of Node.js ----
    "workers": Program({
        "filter": "got 2",
        "privileges": "got 1",
        "shadow": NOT_THERE,
        "memory_of_init": NOT_ALLOWED,
        "environment": "got false",
        "heap": "refused ERR_WORKER_OUT_OF_MEMORY",
    }),
    "webassembly": Program({
        "module": "got",
        "syscall": "refused WebAssembly.Instance.*",
        "reach": "got true",
        "wasi": "refused .*",
    }),
    "native_addon": Program({
        "garbage": "refused ERR_DLOPEN_FAILED",
        "library": "refused ERR_DLOPEN_FAILED",
        "over_init": READ_ONLY,
        "over_node": "refused (EROFS|EACCES|ETXTBSY)",
        "over_library": READ_ONLY,
        "over_modules": READ_ONLY,
        "second_init": "got 70|" + NOT_ALLOWED,
    }),
    "children": Program({
        "child": CHILD,
        "without_environment": CHILD,
        "as_root": "refused EPERM",
        "as_another": "refused EPERM",
    }),
    "cluster_of_many": Program({
        "worker": "got true",
        "handles_of_others": "got true",
        "parent": "got",
    }),
    "debugger_port": Program({
        "open": "got ws://0.0.0.0:9229/.*",
        "from_inside": "got connected",
        "of_init": SIGNAL_TO_NOBODY,
        "of_itself": "got true",
        "of_others": "refused .*",
    }, after="nothing_listens"),
    "devices": Program({
        **dict.fromkeys("mem kmem port kmsg sda vda nvme0n1 loop-control loop0 fuse kvm net/tun vhost-net "
                        "vsock rtc0 input/event0 dri/card0 snd mapper/control userfaultfd hpet cuse ppp "
                        "autofs uinput bus/usb".split(), NOT_THERE),
        "all": "got core,fd,full,null,ptmx,pts,random,shm,stderr,stdin,stdout,tty,urandom,zero",
        "zero": "got 10",
        "full": "refused ENOSPC",
        "random": "got 10",
        "terminal": "refused (ENXIO|EACCES)",
        "console": NOT_THERE,
        "new_terminal": "got true|refused EACCES",
        "made": READ_ONLY,
        "removed": READ_ONLY + "|refused EBUSY",
        "replaced": READ_ONLY + "|refused (EBUSY|EXDEV)",
    }),
    "aborts": Program({}, asks={"/abort": 502}, ends="signal"),
    "system_calls": Program({
        "forged_signal": "got (got|EPERM)",     # it goes off; the app is there afterwards
        "forged_as_kill": "got EPERM",
        "forged_as_kernel": "got EPERM",
        "priority_of_1": "got (ENOSYS|EPERM)",
        "priority_of_all": "got (ENOSYS|EPERM)",
        "processors_of_1": "got (ENOSYS|EPERM)",
        "scheduler_of_1": "got EPERM",
        "limits_of_1": "got ENOSYS",
        "new_device": "got EPERM",
        "new_address": "got EPERM",
        "new_route": "got EPERM",
        "mark": "got EPERM",
        "transparent": "got EPERM",
        "iptables": "got EPERM",
        "device_names": "got ENOSYS",
        "page_zero": "got (EPERM|EACCES)",
        "locked": "got (ENOMEM|EAGAIN|EPERM)",
        "shared_segment": "got ENOSYS",
        "messages": "got ENOSYS",
        "semaphores": "got ENOSYS",
        "message_queue": "got ENOSYS",
        "more_files": "got EPERM",
        "privileges": "got EINVAL",
        "keep_capabilities": "got ENOSYS",
        "ambient": "got ENOSYS",
        "adopt_orphans": "got ENOSYS",
        "filter_log": "got ENOSYS",
        "trace_child": "got EPERM",
        "seize_child": "got EPERM",
        "start_of_memory": "got ENOSYS",
        "root_by_descriptor": "got ENOENT",
        "device": "got EPERM",
        "setuid_file": "got 1000:1000",
        "native_status": "got 0",
        "probe_status": "got 0",            # refused, never killed
        **probed_calls(),
    }),
}


# ---- what gVisor answers otherwise ----

# A place that gVisor makes: isekai-guest covers it, and nobody may open it. What lies elsewhere is not
# there at all.
HIDDEN = "refused (EACCES|ENOENT)"

# Rows that take the place of those above. None of it reaches the host's kernel.
BEHIND_GVISOR = {
    "host_files": {
        "root": "got app,data,dev,etc,isekai,(node_modules,)?proc,run,sys,tmp,usr",
        "run_directory": HIDDEN, "sys": HIDDEN, "cgroups": HIDDEN},
    "other_apps": {"door": HIDDEN, "processes": HIDDEN},
    "service_sockets": dict.fromkeys(
        "broker system_bus systemd notify docker containerd journal".split(), HIDDEN),
    "relay": {"door_by_name": HIDDEN},
    # Process 1 is another user's, and covered in /proc.
    "process_one": dict.fromkeys(
        "kill stop terminate interrupt segfault child_ended".split(), "refused EPERM"),
    "environment": {"arguments_of_init": HIDDEN},
    "debugger_port": {"of_init": "refused EPERM"},
    # Files of a kernel's state that gVisor does not have.
    "proc_and_sys": {
        "sys": HIDDEN, "power": HIDDEN, "uevent": HIDDEN, "release_agent": HIDDEN, "debug": HIDDEN,
        "symbols": NOT_THERE, "keys": NOT_THERE, "log": NOT_THERE},
    "children": {"child": "refused Unexpected end of JSON input",
                 "without_environment": "refused Unexpected end of JSON input"},
    "workers": {"privileges": "refused Cannot read properties of null.*"},
    "spoofed_title": {"comm": "refused EIO"},
    "devices": {"all": "got fd,full,null,ptmx,pts,random,shm,stderr,stdin,stdout,tty,urandom,zero",
                "terminal": "refused EIO"},
    # It obeys no setuid bit, and so has no nosuid to show.
    "setuid_programs": {"files_are_inert": r"got \d+"},
    # Priorities and scores are of its own scheduler; the host's are the cage's.
    "priorities": {"higher": "got", "back": "got", "score": "got", "move": HIDDEN},
    # Its clock of CPU time goes on while the host holds it back; the cgroup's does not.
    "endless_cpu": {"percent": at_most(1000)},
    # The kernel that is killed is gVisor's, with all that it holds.
    "memory_hog_of_many": {"killed": "nothing", "status": "<502 .*"},
    # Options that it does not know are taken, and nothing is done.
    "system_calls": {
        "mark": "got got", "transparent": "got got", "iptables": "got got",
        "forged_signal": "got EPERM", "page_zero": "got ENOMEM",
        **dict.fromkeys("new_address new_device new_route".split(), "got EACCES")},
}
GVISOR_ENDS = {"memory_hog_of_many": "oom"}

# Those that a short run tries behind gVisor: what a kernel is asked for, and what kills one. Not those
# that make many calls or processes, which take long there.
KERNEL = ["host_files", "other_apps", "service_sockets", "process_one", "relay", "proc_and_sys",
          "memory_of_others", "setuid_programs", "connect_out", "datagrams", "listen_outside",
          "memory_hog", "large_files", "disk_fill", "devices", "system_calls"]
