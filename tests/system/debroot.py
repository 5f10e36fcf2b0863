"""A small Debian with its own systemd, sshd, rsyslog and Postfix, booted by systemd-nspawn in
network namespaces of its own, and attackers at documentation addresses on the other side of
a cable. The root file system is made once by mmdebstrap from this machine's own package
sources and kept; each run works on a copy.

Nothing of it touches the machine's own services, network or configuration."""
import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from common import LAB_NETWORKS, Failed, Mail, Registry, Skip, run, wait_until  # noqa: E402

# Raised when the recipe of the root changes in another way than by its packages.
RECIPE = 1
PACKAGES = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "libnss-systemd", "rsyslog",
            "openssh-server", "postfix", "iproute2", "procps", "logrotate"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SERVER, SERVER6 = "192.0.2.1", "2001:db8:ffff::1"
GATEWAY, GATEWAY6 = "192.0.2.254", "2001:db8:ffff::fe"
ATTACKERS = ([f"198.51.100.{i}" for i in range(10, 20)] +
             [f"203.0.113.{i}" for i in range(10, 20)])
ATTACKERS6 = ["2001:db8:0:1::10", "2001:db8:0:1::11"]

POSTFIX = """\
compatibility_level = 3.6
myhostname = server.example
mydestination = server.example, localhost
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
# Every address in the world is a mailbox here, and nothing can leave.
virtual_alias_domains =
virtual_alias_maps = regexp:/etc/postfix/everything
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
home_mailbox = Maildir/
"""
EVERYTHING = "/^.+@.+$/ catchall@localhost\n/^[^@]+$/ catchall@localhost\n"

SSHD = """\
# Every connection of a test must reach the password prompt, at the price of any protection.
MaxStartups 200:30:400
PerSourceMaxStartups none
UseDNS no
PermitRootLogin yes
PasswordAuthentication yes
"""

ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$ABUSE_PASSWORD\"\n"


def os_release():
    with open("/etc/os-release", encoding="utf-8") as f:
        return dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', f.read(), re.M))


def require():
    """Skip unless the machine can do it; tried, not guessed."""
    if os.geteuid() != 0:
        raise Skip("it needs root, for namespaces and a root file system")
    release = os_release()
    if release.get("ID") not in ("debian", "ubuntu") or "VERSION_CODENAME" not in release:
        raise Skip("the root file system is made from Debian's or Ubuntu's packages, and "
                   "this machine has neither")
    for command, package in (("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"),
                             ("systemd-nspawn", "systemd-container"),
                             ("ssh", "openssh-client"), ("meson", "meson")):
        if not shutil.which(command):
            raise Skip(f"{command} is missing (package {package})")
    if run("unshare", "-m", "-n", "-p", "-f", "true", check=False).returncode:
        raise Skip("the kernel does not let this process make namespaces")
    return release


# --- the root file system ----------------------------------------------------------------

def library_packages(programs):
    """The packages of the shared libraries that the programs need."""
    paths = set()
    for program in programs:
        for line in run("ldd", program).stdout.splitlines():
            found = re.search(r"=> (/\S+)", line)
            if found:
                paths.add(os.path.realpath(found.group(1)))
    packages = set()
    for path in paths:
        for candidate in (path, re.sub(r"^/usr", "", path), "/usr" + path):
            done = run("dpkg-query", "-S", candidate, check=False)
            if done.returncode == 0:
                packages.add(re.split(r"[:,]", done.stdout)[0])
                break
    return sorted(packages)


def package_sources():
    """This distribution's own sources; none means mmdebstrap's defaults."""
    found = glob.glob("/etc/apt/sources.list.d/debian.sources")
    found += glob.glob("/etc/apt/sources.list.d/ubuntu.sources")
    if not found and os.path.exists("/etc/apt/sources.list"):
        with open("/etc/apt/sources.list", encoding="utf-8") as f:
            if re.search(r"^deb ", f.read(), re.M):
                found = ["/etc/apt/sources.list"]
    return found


def proxy_options():
    """apt's proxies, which mmdebstrap does not take from the host."""
    lines = run("apt-config", "dump", check=False).stdout.splitlines()
    return [f"--aptopt={line}" for line in lines
            if re.match(r'Acquire::https?::Proxy\S* "[^"]', line)]


def cached_root(release, packages):
    """The path of the finished root, made if there is none of this recipe."""
    base = os.environ.get("XDG_CACHE_HOME") or "/var/tmp"
    cache = os.path.join(base, "abuse-reporterd-system")
    os.makedirs(cache, mode=0o700, exist_ok=True)
    if os.stat(cache).st_uid != 0:
        raise Skip(f"{cache} belongs to another user")
    os.chmod(cache, 0o700)
    recipe = json.dumps([RECIPE, release["ID"], release["VERSION_CODENAME"], packages])
    root = os.path.join(cache, "root-" + hashlib.sha256(recipe.encode()).hexdigest()[:16])
    with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(root):
            print(f"root file system: {root} (kept from an earlier run)")
            return root
        for old in glob.glob(os.path.join(cache, "root-*")):
            shutil.rmtree(old)
        print(f"root file system: making {root}, once, about 300 MB", flush=True)
        fresh = root + ".new"
        begin = time.monotonic()
        run("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root",
            "--include=" + ",".join(packages), *proxy_options(),
            release["VERSION_CODENAME"], fresh, *package_sources(),
            env=dict(os.environ, DEBIAN_FRONTEND="noninteractive", TMPDIR=cache))
        os.rename(fresh, root)
        print(f"root file system: made in {time.monotonic() - begin:.0f} s")
        return root


# --- a booted copy -----------------------------------------------------------------------

def delivered(path):
    """One file of the catch-all Maildir, with the envelope as Postfix' local(8) wrote it."""
    with open(path, "rb") as f:
        mail = Mail(f.read(), None, [])
    mail.sender = str(mail.message["Return-Path"]).strip("<>")
    mail.recipients = [str(mail.message["X-Original-To"])]
    return mail


class Machine(contextlib.AbstractContextManager):
    def __init__(self, build):
        self.release = require()
        self.build = os.path.abspath(build)
        self.programs = [os.path.join(self.build, "daemon", name)
                         for name in ("abuse-reporterd", "abuse-reporterctl")]
        for program in self.programs:
            if not os.path.exists(program):
                raise Failed(f"{program} is not built")
        self.tag = f"ar{os.getpid()}"
        self.server_ns, self.attacker_ns = self.tag + "s", self.tag + "a"
        self.base = cached_root(self.release, PACKAGES + library_packages(self.programs))
        self.dir = tempfile.mkdtemp(prefix="run-", dir=os.path.dirname(self.base))
        self.root = os.path.join(self.dir, "root")
        self.nspawn = self.leader = self.rdap = None

    def __enter__(self):
        try:
            self._copy()
            self._configure()
            self._cable()
            return self
        except BaseException:
            self._clean()
            raise

    def __exit__(self, kind, value, traceback):
        if kind and issubclass(kind, Failed) and self.leader:
            self.show_logs()
        self._clean()

    def _clean(self):
        if self.rdap:
            self.rdap.stop()
        if self.nspawn:
            self.nspawn.send_signal(signal.SIGTERM)
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        for ns in (self.server_ns, self.attacker_ns):
            run("ip", "netns", "del", ns, check=False)
        run("umount", "-R", "-l", self.dir, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _copy(self):
        """What is written goes to memory; only without overlays the root is copied."""
        run("mount", "-t", "tmpfs", "-o", "size=1g,mode=700", "tmpfs", self.dir)
        upper, work = os.path.join(self.dir, "upper"), os.path.join(self.dir, "work")
        for path in (self.root, upper, work):
            os.mkdir(path)
        os.chmod(self.root, 0o755)
        done = run("mount", "-t", "overlay", "overlay", "-o",
                   f"lowerdir={self.base},upperdir={upper},workdir={work}", self.root,
                   check=False)
        if done.returncode:
            run("cp", "-a", self.base + "/.", self.root)

    def write(self, path, text, mode=0o644):
        full = os.path.join(self.root, path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(full, mode)

    def read(self, path):
        with open(os.path.join(self.root, path.lstrip("/")), encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def _configure(self):
        self.write("/etc/hostname", "server\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n192.0.2.1 server.example server\n")
        self.write("/etc/mailname", "server.example\n")
        self.write("/etc/resolv.conf", "# no name server here\n")
        self.write("/etc/postfix/main.cf", POSTFIX)
        self.write("/etc/postfix/everything", EVERYTHING)
        sshd = SSHD
        if self._openssh() >= (9, 8):
            sshd += "PerSourcePenalties no\n"
        self.write("/etc/ssh/sshd_config.d/test.conf", sshd)
        self.write("/askpass", ASKPASS, 0o755)
        chroot = ("chroot", self.root)
        run(*chroot, "useradd", "-m", "catchall")
        run(*chroot, "useradd", "-m", "-s", "/bin/sh", "alice")
        run(*chroot, "chpasswd", input="alice:right\nroot:never-guessed\n")
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "logrotate.timer",
                     "systemd-networkd-wait-online.service", "e2scrub_all.timer",
                     "systemd-resolved.service", "systemd-timesyncd.service"):
            os.makedirs(os.path.join(self.root, "etc/systemd/system"), exist_ok=True)
            link = os.path.join(self.root, "etc/systemd/system", unit)
            if not os.path.lexists(link):
                os.symlink("/dev/null", link)

    def _openssh(self):
        version = run("chroot", self.root, "dpkg-query", "-W", "-f", "${Version}",
                      "openssh-server").stdout
        found = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
        return (int(found.group(1)), int(found.group(2)))

    def install(self):
        """meson install, as a package would do it, and what its scripts would do."""
        run("meson", "install", "-C", self.build, "--no-rebuild", "--destdir", self.root)

    def _cable(self):
        server, attacker = self.server_ns, self.attacker_ns
        done = run("ip", "netns", "add", server, check=False)
        if done.returncode:
            raise Skip("no network namespace can be made here: " + done.stdout.strip())
        run("ip", "netns", "add", attacker)
        run("ip", "link", "add", self.tag + "v0", "netns", server, "type", "veth",
            "peer", "name", self.tag + "v1", "netns", attacker)
        self.ipv6 = os.path.exists("/proc/net/if_inet6")

        def ip(ns, *argv):
            run("ip", "-n", ns, *argv)

        for ns, device in ((server, self.tag + "v0"), (attacker, self.tag + "v1")):
            ip(ns, "link", "set", "lo", "up")
            ip(ns, "link", "set", device, "up")
        ip(server, "addr", "add", SERVER + "/24", "dev", self.tag + "v0")
        ip(attacker, "addr", "add", GATEWAY + "/24", "dev", self.tag + "v1")
        for address in ATTACKERS:
            ip(attacker, "addr", "add", address + "/32", "dev", self.tag + "v1")
        for net in ("198.51.100.0/24", "203.0.113.0/24"):
            ip(server, "route", "add", net, "via", GATEWAY)
        if self.ipv6:
            ip(server, "addr", "add", SERVER6 + "/64", "dev", self.tag + "v0", "nodad")
            ip(attacker, "addr", "add", GATEWAY6 + "/64", "dev", self.tag + "v1", "nodad")
            for address in ATTACKERS6:
                ip(attacker, "addr", "add", address + "/128", "dev", self.tag + "v1",
                   "nodad")
            ip(server, "route", "add", "2001:db8:0:1::/64", "via", GATEWAY6)

    def registry(self, script=None):
        """An RDAP server on the booted system's loopback."""
        self.rdap = Registry(self.dir, script,
                             prefix=["ip", "netns", "exec", self.server_ns])
        return self.rdap

    def boot(self, *binds):
        argv = ["systemd-nspawn", "-q", "-D", self.root, "-b", "-M", self.tag,
                "--register=no", "--network-namespace-path=/run/netns/" + self.server_ns,
                "--console=read-only", "--link-journal=no",
                # IPAddressDeny= needs the one; nspawn forbids even to read the clock's
                # state, which a host's kernel does not.
                "--system-call-filter=bpf adjtimex clock_adjtime",
                "--resolv-conf=off", "--timezone=off"]
        argv += [f"--bind-ro={path}" for path in binds]
        if not os.path.isdir("/run/systemd/system"):
            argv.append("--keep-unit")  # nobody here to ask for a scope
        console = open(os.path.join(self.dir, "console"), "wb")
        begin = time.monotonic()
        self.nspawn = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"))
        console.close()

        def child():
            if self.nspawn.poll() is not None:
                raise Skip("systemd-nspawn does not work here: " + self.console())
            with open(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children",
                      encoding="ascii") as f:
                pids = f.read().split()
            return pids[0] if pids else None

        self.leader = wait_until("systemd-nspawn's child", child)
        wait_until("a booted system", self._running, 60)
        print(f"booted in {time.monotonic() - begin:.1f} s", flush=True)

    def _running(self):
        if self.nspawn.poll() is not None:
            raise Failed("the system ended while it booted:\n" + self.console())
        done = self.inside("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def console(self):
        with open(os.path.join(self.dir, "console"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()[-3000:]

    def inside(self, *argv, **options):
        options["env"] = dict(os.environ, PATH=PATH)
        return run("nsenter", "-t", self.leader, "-a", *argv, **options)

    def popen(self, *argv, **options):
        return subprocess.Popen(["nsenter", "-t", self.leader, "-a", *argv],
                                stdin=subprocess.DEVNULL,
                                env=dict(os.environ, PATH=PATH), **options)

    def show_logs(self):
        for title, argv in (
                ("journal", ("journalctl", "--no-pager", "-o", "short-precise", "-n", "60")),
                ("auth.log", ("tail", "-n", "20", "/var/log/auth.log"))):
            done = self.inside(*argv, check=False)
            print(f"--- {title}\n{done.stdout}", file=sys.stderr)

    # --- what attackers do ---

    def settings(self, **changes):
        """A configuration for the system with its registry and its Postfix."""
        settings = {
            "sources": [{"file": "/var/log/auth.log"}],
            "detect": {"failures": 5, "window": "10m", "settle": "8s", "max_age": "1h"},
            "reportable": LAB_NETWORKS,
            "rdap": self.rdap.settings(),
            "report": {"from": "Abuse reports <abuse-reports@reporter.example>",
                       "reply_to": "abuse@reporter.example",
                       "organisation": "Example Reporter",
                       "addresses": [SERVER, SERVER6]},
            "mode": "send",
            "delivery": {"mta": "smtp://127.0.0.1:25", "log": "/var/log/mail.log"},
        }
        settings.update(changes)
        return settings

    def guess(self, source, user="root", password="wrong", port=22, expect=None):
        """One connection, one password. Returns whether the login was let in."""
        v6 = ":" in source
        done = subprocess.run(
            ["ip", "netns", "exec", self.attacker_ns, "timeout", "40", "setsid", "-w",
             "ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "PubkeyAuthentication=no",
             "-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=ERROR", "-p", str(port),
             "-b", source, "-l", user, SERVER6 if v6 else SERVER, "true"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, SSH_ASKPASS=os.path.join(self.root, "askpass"),
                     SSH_ASKPASS_REQUIRE="force", ABUSE_PASSWORD=password,
                     HOME=self.dir),
            text=True, errors="replace", check=False)
        entered = done.returncode == 0
        if not entered and "Permission denied" not in done.stdout:
            raise Failed(f"ssh from {source}: {done.stdout.strip()}")
        return entered

    def attack(self, plan):
        """plan: (source, user, count) each; all at once."""
        errors = []

        def one(source, user):
            try:
                if self.guess(source, user):
                    errors.append(f"{user} from {source} was let in")
            except Failed as e:
                errors.append(str(e))

        threads = [threading.Thread(target=one, args=(source, user))
                   for source, user, count in plan for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise Failed("\n".join(errors))

    # --- what arrived ---

    def mails(self):
        paths = glob.glob(os.path.join(self.root, "home/catchall/Maildir/new/*"))
        return [delivered(path) for path in sorted(paths)]

    def wait_mails(self, count, seconds=40):
        wait_until(lambda: f"{count} mails ({len(self.mails())} came)",
                   lambda: len(self.mails()) >= count, seconds)
        return self.mails()


# --- running scenarios -------------------------------------------------------------------

def run_scenarios(machine, scenarios):
    """Each is a function of the machine whose name says what is protected; in order, on one
    system. Prints the closing line and returns the exit status."""
    passed = failed = 0
    for function in scenarios:
        name = function.__name__.replace("_", " ")
        begin = time.monotonic()
        try:
            function(machine)
        except (Failed, OSError) as e:
            failed += 1
            print(f"failed: {name}: {e}", flush=True)
            if failed == 1:
                machine.show_logs()
        else:
            passed += 1
            print(f"passed: {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main(prepare, scenarios):
    """The whole of a test program: 77 and a reason where the machine does not allow it."""
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} BUILD_DIRECTORY", file=sys.stderr)
        return 64
    if os.geteuid() == 0 and "ABUSE_TEST_MOUNTS" not in os.environ:
        # In a mount namespace of its own, so that the kernel takes all mounts back.
        os.environ["ABUSE_TEST_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private",
                              sys.executable, *sys.argv])
    try:
        with Machine(sys.argv[1]) as machine:
            prepare(machine)
            return run_scenarios(machine, scenarios)
    except Skip as e:
        print(f"skipped: {e}\n0 passed, 0 failed, 1 skipped")
        return 77
    except Failed as e:
        print(f"failed: {e}\n0 passed, 1 failed")
        return 1
