"""What the tests around the real binaries share: a directory of their own, a configuration, a
log that sshd could have written, an RDAP server and a mail server on loopback, and the daemon
with its sd_notify messages. Nothing here knows what is tested."""
import asyncio
import contextlib
import datetime
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from common import (LAB_NETWORKS, Failed, Mail, Registry, check, end, wait_until,
                    yaml_document)


def free_port():
    """Below the ports that the kernel gives to clients, so that it stays free."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


# --- the log -----------------------------------------------------------------------------

class SshLog:
    """Appends lines as sshd's reach auth.log through rsyslog, stamped with the present."""

    def __init__(self, path):
        self.path = path
        self.pid = 1000
        self.port = 40000

    def write(self, data):
        with open(self.path, "ab", buffering=0) as f:
            f.write(data)

    def line(self, text, when=None):
        when = when or datetime.datetime.now(datetime.timezone.utc)
        stamp = when.isoformat(timespec="microseconds")
        self.pid += 1
        return f"{stamp} host sshd[{self.pid}]: {text}\n".encode()

    def failures(self, source, count, user="root", when=None, spread=0.0, ssh_port=None):
        """count refused passwords; spread is seconds from one to the next."""
        data = b""
        for i in range(count):
            at = when + datetime.timedelta(seconds=i * spread) if when else None
            self.port += 1
            port = ssh_port or self.port
            data += self.line(f"Failed password for {user} from {source} port {port} ssh2",
                              at)
        self.write(data)

    def success(self, source, user="alice", when=None):
        self.port += 1
        self.write(self.line(
            f"Accepted password for {user} from {source} port {self.port} ssh2", when))


# --- the mail server ---------------------------------------------------------------------

class _MailController(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="mail.example", enable_SMTPUTF8=False)


class MailServer:
    """Takes everything, unless told what to answer. Can go away and come back on its port."""

    def __init__(self):
        self.port = free_port()
        self.mails = []
        self.rcpt_replies = []  # answers to the next RCPTs, then 250
        self.data_replies = []  # answers after the dot, then 250
        self.data_delay = 0.0   # seconds between the dot and the answer
        self.lock = threading.Lock()
        self.controller = None

    # aiosmtpd's handler interface
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.rcpt_replies:
            reply = self.rcpt_replies.pop(0)
            if not reply.startswith("250"):
                return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        reply = self.data_replies.pop(0) if self.data_replies else "250"
        with self.lock:
            if reply == "250":
                self.mails.append(Mail(bytes(envelope.original_content),
                                       envelope.mail_from, list(envelope.rcpt_tos)))
                reply = f"250 2.0.0 Ok: queued as {len(self.mails):08X}"
        # What was taken is taken, whether or not the client waits for the answer.
        await asyncio.sleep(self.data_delay)
        return reply

    def start(self):
        self.controller = _MailController(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        return self

    def stop(self):
        if self.controller:
            self.controller.stop()
            self.controller = None

    def to(self, recipient):
        with self.lock:
            return [m for m in self.mails if recipient in m.recipients]

    def about(self, source):
        with self.lock:
            return [m for m in self.mails if m.source() == source]


# --- the daemon --------------------------------------------------------------------------

class Notifications:
    """The other end of sd_notify(3)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.2)
        self.path = path
        self.seen = []
        self.running = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.running:
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            self.seen += data.decode(errors="replace").splitlines()

    def close(self):
        self.running = False
        self.thread.join()
        self.socket.close()


class Daemon:
    def __init__(self, lab, *args, wait=True, env=None):
        self.lab = lab
        lab.started += 1
        self.notify = Notifications(os.path.join(lab.dir, f"notify{lab.started}"))
        self.log_path = os.path.join(lab.dir, f"daemon{lab.started}.log")
        self.log = open(self.log_path, "wb")
        full = dict(os.environ, NOTIFY_SOCKET=self.notify.path, WATCHDOG_USEC="4000000")
        full.pop("JOURNAL_STREAM", None)
        full.update(env or {})
        self.process = subprocess.Popen(
            lab.wrapper + [lab.daemon_path, "-c", lab.config_path, *args],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=full)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def probe():
            check(self.process.poll() is None,
                  f"the daemon ended with {self.process.returncode} before it was ready")
            return "READY=1" in self.notify.seen
        wait_until("READY=1", probe, 15 * self.lab.patience)

    def text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, seconds=15):
        return wait_until(f"{pattern!r} in the daemon's log",
                          lambda: re.search(pattern, self.text()),
                          seconds * self.lab.patience)

    def reload(self):
        before = self.notify.seen.count("READY=1")
        self.process.send_signal(signal.SIGHUP)
        wait_until("the end of the reload",
                   lambda: self.notify.seen.count("READY=1") > before,
                   15 * self.lab.patience)

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds * self.lab.patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"the daemon did not end within {seconds} s") from None

    def stop(self):
        """SIGTERM; returns the exit status and the seconds it took."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.wait()
        return code, time.monotonic() - begin

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        end(self.process)
        self.notify.close()
        self.log.close()


# --- all of it together ------------------------------------------------------------------

class Lab(contextlib.AbstractContextManager):
    """wrapper goes before the daemon's command line (valgrind); patience stretches waits."""

    def __init__(self, build, wrapper=(), patience=1):
        self.build = os.path.abspath(build)
        self.wrapper = list(wrapper)
        self.patience = patience
        self.daemon_path = os.path.join(self.build, "daemon", "abuse-reporterd")
        self.ctl_path = os.path.join(self.build, "daemon", "abuse-reporterctl")
        self.dir = tempfile.mkdtemp(prefix="abuse-lab.")
        self.config_path = os.path.join(self.dir, "abuse-reporterd.yaml")
        self.log = SshLog(os.path.join(self.dir, "auth.log"))
        self.mail = MailServer()
        self.rdap = None
        self.daemons = []
        self.started = 0

    def __exit__(self, kind, value, traceback):
        for daemon in self.daemons:
            daemon.close()
        self.mail.stop()
        if self.rdap:
            self.rdap.stop()
        # A leak or a fault that a checker found at the end shows in the exit status only.
        ended = [daemon.process.returncode for daemon in self.daemons]
        badly = any(code not in (0, -signal.SIGKILL) for code in ended)
        if kind and issubclass(kind, Exception) or badly:
            for daemon in self.daemons:
                print(f"--- {os.path.basename(daemon.log_path)}", file=sys.stderr)
                sys.stderr.write(daemon.text()[-6000:])
        shutil.rmtree(self.dir, ignore_errors=True)
        check(kind or not badly, f"exit status of the daemons: {ended}")

    def registry(self, script=None, tls=None):
        self.rdap = Registry(self.dir, script, tls)
        return self.rdap

    def path(self, name):
        return os.path.join(self.dir, name)

    def settings(self, **changes):
        """Short times and a lab; a change of a mapping is merged into it."""
        base = {
            "sources": [{"file": self.log.path}],
            "detect": {"failures": 5, "window": "10m", "settle": "1s", "max_age": "1h"},
            "reportable": LAB_NETWORKS,
            "report": {
                "from": "Abuse reports <abuse-reports@reporter.example>",
                "reply_to": "abuse@reporter.example",
                "organisation": "Example Reporter",
                "addresses": ["192.0.2.1", "2001:db8:ffff::1"],
            },
            "mode": "send",
            "delivery": {"mta": f"smtp://127.0.0.1:{self.mail.port}",
                         "log": self.path("mail.log")},
            "state": self.path("state.db"),
            "control": self.path("control.sock"),
        }
        if self.rdap:
            base["rdap"] = self.rdap.settings()
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                base[key] = {**base[key], **value}
            elif value is None:
                base.pop(key, None)
            else:
                base[key] = value
        return base

    def configure(self, text=None, **changes):
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(text if text is not None else yaml_document(self.settings(**changes)))

    def daemon(self, *args, **options):
        daemon = Daemon(self, *args, **options)
        self.daemons.append(daemon)
        return daemon

    def run(self, *args, seconds=30):
        """The daemon's program to its end: --check, --once. stdout and stderr as one."""
        env = dict(os.environ)
        env.pop("JOURNAL_STREAM", None)
        env.pop("NOTIFY_SOCKET", None)
        return subprocess.run(self.wrapper + [self.daemon_path, "-c", self.config_path,
                                              *args],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                              timeout=seconds * self.patience, check=False)

    def ctl(self, *args, seconds=30):
        return subprocess.run([self.ctl_path, *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=seconds * self.patience, check=False)

    def online(self, verb, *args):
        """A verb of the tool that asks the running daemon."""
        return self.ctl("-s", self.path("control.sock"), verb, *args)

    def wait_mails(self, count, seconds=20):
        wait_until(lambda: f"{count} mails ({len(self.mail.mails)} came)",
                   lambda: len(self.mail.mails) >= count, seconds * self.patience)
        return list(self.mail.mails)

    def no_more_mails(self, count, seconds=1.5):
        """Whether the number stays what it is, for long enough that one more would show."""
        time.sleep(seconds * self.patience)
        check(len(self.mail.mails) == count,
              f"{len(self.mail.mails)} mails arrived where {count} were right")
