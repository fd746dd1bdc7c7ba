#!/usr/bin/python3
"""machine.py BIN [WORD ...] - the limits tried on a Debian kernel with cgroup version 2 alone, in qemu.

BIN is the directory of the built programs. The machine is an initramfs of this host's own files:
busybox, bubblewrap, the tests and the libraries they name. There is no Node.js in it: what runs in
the cages is tests/sandbox/plain_app.c. Only for the long run (ISEKAI_LONG=1); words choose the
places and programs to run. The last line is `N passed, N failed`; the exit code is 77 when it was
skipped, and the line before says why.
"""
import os
import pathlib
import platform
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
UP_SECONDS = {"kvm": 10, "tcg": 180}
ALL_SECONDS = 1800
ROW_SECONDS = 600
MEMORY_MB = 2048
DRIVES = [("swap", 256 << 20), ("files", 2 << 30)]      # vda, vdb
KERNEL = "linux-image-cloud-amd64"
MODULES = ["virtio_pci", "virtio_blk", "quota_v2", "dummy"]      # the last is a network interface
MKFS = "/sbin/mkfs.ext4"
COMMANDS = ["busybox", "bwrap", "setpriv", "unshare", "setfattr"]
BESIDE = ["isekai-sandbox", "isekai-init", "isekai-guest", "isekai-proof", "isekai-egress",
          "sandbox_plain_app", "sandbox_syscall_probe", "sandbox_weak_init"]
PLAIN = "ISEKAI_TEST_PLAIN=1 ISEKAI_TEST_CGROUPS=v2"

# Where, what, and which of its tests may be skipped there: every other one must have passed.
NO_ROOT = {"test_works_unprivileged"}
ROWS = [
    ("top", "sandbox_cgroup_test", PLAIN, set()),
    ("top", "sandbox_group_test", PLAIN, set()),
    ("top", "sandbox_limits_test", PLAIN, {"test_heap_hog_is_oom"}),
    ("top", "sandbox_disk_test", PLAIN, set()),
    ("top", "sandbox_survive_test", PLAIN, set()),
    ("top", "sandbox_proof_test", PLAIN, set()),
    ("service", "sandbox_cgroup_test", PLAIN, set()),
    ("service", "sandbox_group_test", PLAIN, set()),
    ("service", "sandbox_limits_test", PLAIN, {"test_heap_hog_is_oom"}),
    ("service", "sandbox_survive_test", PLAIN, set()),
    ("container", "sandbox_cgroup_test", PLAIN, set()),
    ("container", "sandbox_group_test", PLAIN, set()),
    ("user", "sandbox_cgroup_test", PLAIN, set()),
    ("user", "sandbox_group_test", PLAIN, set()),
    ("user", "sandbox_limits_test", PLAIN, {"test_heap_hog_is_oom"}),
    ("user", "sandbox_disk_test", PLAIN, set()),
    ("user", "sandbox_survive_test", PLAIN, NO_ROOT),
    ("user", "sandbox_proof_test", PLAIN, {"test_who_is_not_alone_can_signal"}),
    ("quota", "sandbox_quota_test", PLAIN + " ISEKAI_TEST_QUOTA=1", set()),
    ("quota", "sandbox_role", PLAIN, set()),
    ("quota", "sandbox_disk_test", PLAIN, set()),
    ("quota", "sandbox_survive_test", PLAIN, set()),
    ("login", "sandbox_cgroup_test", PLAIN, {"test_this_host"}),
]
ROWS = [row for row in ROWS if set(sys.argv[2:]) <= set(row[:2])]


def skip(why):
    print(f"skipped: {why}")
    print("0 passed, 0 failed")
    sys.exit(SKIPPED)


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True,
                          **more).stdout


# ---- the kernel ----

def unpack_kernel(cache):
    """The newest image package, downloaded once into the cache; it is installed nowhere."""
    names = re.findall(rf"^ *Depends: (linux-image-\S+)$", run("apt-cache", "depends", KERNEL), re.M)
    tree = cache / names[0]
    if not tree.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            run("apt-get", "download", names[0], cwd=work)
            run("dpkg-deb", "-x", next(pathlib.Path(work).glob("*.deb")), f"{work}/tree")
            os.rename(f"{work}/tree", tree)
    return tree


def find_kernel(cache):
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return unpack_kernel(cache)
    except (OSError, IndexError, subprocess.CalledProcessError) as error:
        kept = sorted(cache.glob("linux-image-*"))
        if kept:
            return kept[-1]
        skip(f"no kernel: {KERNEL} cannot be had from Debian ({error})")


def order_modules(kernel):
    """Their files, each behind those it needs; what is built in has none."""
    files = {path.stem: path for path in kernel.glob("lib/modules/*/kernel/**/*.ko")}
    ordered = []

    def add(name):
        path = files.get(name)
        if path is None or path in ordered:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for needed in needs.group(1).decode().split(",") if needs else []:
            add(needed)
        ordered.append(path)

    for name in MODULES:
        add(name)
    return ordered


# ---- the initramfs ----

class Tree:
    """A root directory with files at the places they have on this host."""

    def __init__(self, top):
        self.top = top
        for path in ["usr/bin", "usr/local/bin", "usr/lib", "etc", "proc", "sys", "dev", "tmp",
                     "var/tmp", "root", "run", "modules", "opt/isekai/bin"]:
            (top / path).mkdir(parents=True)
        for name in ["bin", "lib", "lib64"]:
            (top / name).symlink_to(f"usr/{name}")
        (top / "usr/lib64").mkdir()

    def add(self, source, target):
        shutil.copyfile(source, self.top / target)
        (self.top / target).chmod(0o755)

    def add_libraries(self, program):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        for path in re.findall(r"(/\S+) \(0x", listed):
            self.add_library(path)

    def add_library(self, path):
        inside = pathlib.Path(path.lstrip("/"))
        if inside.parts[0] != "usr":
            inside = "usr" / inside
        if not (self.top / inside).exists():
            (self.top / inside.parent).mkdir(parents=True, exist_ok=True)
            self.add(path, inside)

    def add_program(self, source, target):
        self.add(source, target)
        self.add_libraries(source)


def fill(tree, binaries, kernel):
    for name in COMMANDS:
        tree.add_program(shutil.which(name), f"usr/bin/{name}")
    for name in BESIDE + sorted({row[1] for row in ROWS}):
        script = HERE / name
        tree.add_program(script if script.exists() else binaries / name, f"opt/isekai/bin/{name}")
    # pthread_cancel() loads it when it is called.
    tree.add_library("/usr/lib/x86_64-linux-gnu/libgcc_s.so.1")
    tree.add(HERE / "init", "init")
    modules = order_modules(kernel)
    for path in modules:
        tree.add(path, f"modules/{path.name}")
    texts = {
        "modules/order": "\n".join(path.name for path in modules) + "\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "rows": "".join(f"{ROW_SECONDS} {place} {program} {settings}\n"
                        for place, program, settings, _ in ROWS),
    }
    for path, text in texts.items():
        (tree.top / path).write_text(text)


def pack(work, binaries, kernel):
    """Everything below top/; init and a busybox beside it begin the machine."""
    top = work / "initramfs"
    (top / "bin").mkdir(parents=True)
    fill(Tree(top / "top"), binaries, kernel)
    shutil.copy(shutil.which("busybox"), top / "bin/busybox")
    shutil.copy(top / "top/init", top / "init")
    image = work / "initramfs.cpio"
    with image.open("wb") as out:
        names = run("find", ".", cwd=top)
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc", "-R", "0:0"], input=names.encode(),
                       stdout=out, stderr=subprocess.DEVNULL, cwd=top, check=True)
    shutil.rmtree(top)
    return image


# ---- the machine ----

class Silence(Exception):
    """Nothing, or not everything, was said in time."""


class Machine:
    def __init__(self, work, kernel, image, accelerator):
        drives = []
        for name, octets in DRIVES:
            with (work / name).open("wb") as out:
                out.truncate(octets)
            drives += ["-drive", f"file={work / name},if=virtio,format=raw"]
        run(MKFS, "-q", "-O", "quota", "-E", "quotatype=usrquota", work / "files")
        self.console = work / f"console-{accelerator}"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", accelerator, "-cpu", "max", "-m", str(MEMORY_MB),
             "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot",
             "-serial", f"file:{self.console}", "-serial", "stdio",
             *drives,
             "-kernel", next(kernel.glob("boot/vmlinuz-*")), "-initrd", image,
             "-append", "console=ttyS0 loglevel=4 panic=-1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pending = b""

    def next_line(self, deadline):
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Silence("not in time")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Silence("the machine ended")
            self.pending += more
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace").rstrip("\r")

    def wait_up(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            line = self.next_line(deadline)
            if line.startswith("machine: up"):
                return line

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def boot(work, kernel, image):
    """With the processor's help where that works, else all of it emulated."""
    accelerators = ["kvm"] * os.access("/dev/kvm", os.R_OK | os.W_OK) + ["tcg"]
    for accelerator in accelerators:
        machine = Machine(work, kernel, image, accelerator)
        try:
            print(machine.wait_up(UP_SECONDS[accelerator]), f"({accelerator})", flush=True)
            return machine
        except Silence as silence:
            machine.end()
            print(f"machine: no answer with {accelerator}: {silence}", flush=True)
            if accelerator == accelerators[-1]:
                print(machine.console.read_text(errors="replace")[-4000:])
                raise


# ---- what it says ----

class Row:
    """What one program said in TAP, held against what it must have said."""

    def __init__(self, place, program, may_skip):
        self.place, self.program, self.may_skip = place, program, may_skip
        self.planned, self.passed, self.failed, self.seen = None, 0, 0, 0

    def take(self, line):
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            self.planned = int(match.group(1))
        elif line.startswith("machine: left"):
            self.count(False, line)
        elif match := re.match(r"(not )?ok \d+ (- |# SKIP )(\S+)", line):
            broken, kind, name = match.groups()     # cmocka says "not ok" of what is skipped, too
            self.seen += 1
            self.count(not broken if kind == "- " else name in self.may_skip, line)

    def count(self, is_right, line):
        self.passed += is_right
        self.failed += not is_right
        if not is_right:
            print(f"FAILED: {self.place} {self.program}: {line}")

    def end(self, status):
        if status != 0 and not self.failed or self.planned is None or self.seen != self.planned:
            self.failed += 1
            print(f"FAILED: {self.place} {self.program}: exit code {status}, "
                  f"{self.seen} of {self.planned} tests")
        print(f"{self.place} {self.program}: {self.passed} passed, {self.failed} failed", flush=True)


def follow(machine):
    deadline = time.monotonic() + ALL_SECONDS
    rows, said = iter(ROWS), []
    passed = failed = 0
    row, ended = None, 0
    while True:
        line = machine.next_line(deadline)
        if line.startswith("machine: begin"):
            place, program, _, may_skip = next(rows)
            assert line == f"machine: begin {place} {program}", line
            row, said = Row(place, program, may_skip), []
        elif line.startswith("machine: end") and row:
            row.end(int(line.split()[-1]))
            if row.failed:
                print("\n".join(f"    {word}" for word in said), flush=True)
            passed, failed, ended = passed + row.passed, failed + row.failed, ended + 1
            row = None
        elif line == "machine: done":
            return passed, failed + len(ROWS) - ended
        elif row:
            row.take(line)
            said.append(line)
        else:
            print(line, flush=True)


def main():
    binaries = pathlib.Path(sys.argv[1]).resolve()
    if os.environ.get("ISEKAI_LONG") != "1":
        skip("a machine takes minutes: the long run has it (ISEKAI_LONG=1)")
    if platform.machine() != "x86_64":
        skip(f"the machine is an x86_64 one, and this host is {platform.machine()}")
    missing = [name for name in ["qemu-system-x86_64", MKFS, *COMMANDS] if not shutil.which(name)]
    if missing:
        skip(f"not installed: {' '.join(missing)} (deploy/install-packages machine)")
    kernel = find_kernel(binaries.parent / "machine")
    with tempfile.TemporaryDirectory(prefix="isekai-machine-") as work:
        work = pathlib.Path(work)
        try:
            machine = boot(work, kernel, pack(work, binaries, kernel))
        except Silence:
            print("0 passed, 1 failed")
            return 1
        try:
            passed, failed = follow(machine)
        except Silence as silence:
            print(f"machine: {silence}\n{machine.console.read_text(errors='replace')[-4000:]}")
            passed, failed = 0, 1
        finally:
            machine.end()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
