"""What the tests on loopback and those in a booted system share."""
import email
import email.policy
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# Sources and their networks are those that RFC 5737 and RFC 3849 set aside for examples, and
# the desks are in the domains of RFC 2606: what these tests make cannot reach anybody.
LAB_NETWORKS = ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]


class Failed(Exception):
    """An expectation that did not come true."""


class Skip(Exception):
    """This machine does not allow the test; the text says what is missing."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def wait_until(what, probe, seconds=15):
    """The first true value of probe(), which is asked often. what may be a function."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(0.05)


def run(*argv, check=True, **options):
    """A command to its end; stdout and stderr as one text."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **options)
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
    return done


def end(process, seconds=20):
    """SIGTERM, and SIGKILL where that is not enough."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- configuration -----------------------------------------------------------------------

def yaml_value(value):
    """Flow style, scalars plain where YAML lets them be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {yaml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(yaml_value(v) for v in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = re.fullmatch(r"[A-Za-z0-9/](?:[A-Za-z0-9/._@+-]|:(?=[A-Za-z0-9/]))*", text)
    return text if plain else json.dumps(text)


def yaml_document(settings):
    return "".join(f"{key}: {yaml_value(value)}\n" for key, value in settings.items())


# --- mail --------------------------------------------------------------------------------

class Mail:
    def __init__(self, data, sender, recipients):
        self.bytes = data
        self.sender = sender
        self.recipients = recipients
        self.message = email.message_from_bytes(data, policy=email.policy.default)
        self.text = self.message.get_content()

    def label(self, name):
        """The value of a `Name: value` line of the body."""
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)[ \t]*\r?$", self.text, re.M)
        return found.group(1) if found else None

    def source(self):
        """The first address of `Source IP:`."""
        found = re.match(r"[0-9a-f.:]+", self.label("Source IP") or "")
        return found.group() if found else None

    def count(self):
        """The number at the start of `Number of events:`."""
        found = re.match(r"\d+", self.label("Number of events") or "")
        return int(found.group()) if found else None


# --- the registry ------------------------------------------------------------------------

class Registry:
    """rdapd.py as a process; prefix goes before its command line (a network namespace)."""

    def __init__(self, directory, script=None, tls=None, port=0, prefix=()):
        self.dir, self.tls, self.prefix = directory, tls, list(prefix)
        self.port = port
        self.process = None
        self.start(script)

    def start(self, script=None):
        ready = os.path.join(self.dir, "rdapd.ready")
        path = os.path.join(self.dir, "rdapd.json")
        if os.path.exists(ready):
            os.unlink(ready)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(script or {}, f)
        argv = self.prefix + [sys.executable, os.path.join(HERE, "rdapd.py"),
                              "--port", str(self.port), "--ready-file", ready,
                              "--script", path, "--log", self.log_path()]
        if self.tls:
            argv += ["--tls", *self.tls]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        wait_until("the RDAP server", lambda: os.path.exists(ready))
        with open(ready, encoding="ascii") as f:
            self.port = int(f.read())

    def stop(self):
        if self.process:
            end(self.process)
            self.process = None

    def restart(self, script=None):
        """Other answers on the same port."""
        self.stop()
        self.start(script)

    def log_path(self):
        return os.path.join(self.dir, "rdapd.log")

    def requests(self):
        if not os.path.exists(self.log_path()):
            return []
        with open(self.log_path(), encoding="utf-8") as f:
            return [json.loads(line)["path"] for line in f]

    def settings(self):
        """The `rdap` section that uses it."""
        base = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        return {"bootstrap_ipv4": base + "/ipv4.json", "bootstrap_ipv6": base + "/ipv6.json",
                "timeout": "10s"}
