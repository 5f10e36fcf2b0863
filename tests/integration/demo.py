#!/usr/bin/python3
"""The main job on loopback, to be watched: demo.py BUILD_DIRECTORY

The real daemon follows a log into which a guesser's failed logins are written, asks a
registry on loopback whom to tell, and hands its report to a mail server on loopback. Nothing
leaves the machine: the addresses and domains are those set aside for documentation."""
import re
import sys
import threading
import time

from common import Failed, check
from lab import Lab

SOURCE = "203.0.113.5"
DESK = "abuse@isp.example"
GUESSES = 8


def heading(text):
    print(f"\n== {text}", flush=True)


class Follower(threading.Thread):
    """Prints the daemon's log while it grows."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.ended = threading.Event()

    def run(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            while True:
                over = self.ended.is_set()
                for line in f:
                    print("  " + line.rstrip("\n"), flush=True)
                if over:
                    return
                time.sleep(0.1)

    def finish(self):
        self.ended.set()
        self.join()


def main(build):
    with Lab(build) as lab:
        lab.registry()
        lab.mail.start()
        lab.log.write(b"")
        lab.configure(detect={"failures": 5, "settle": "3s"},
                      reportable=["203.0.113.0/24"])
        heading("The configuration")
        with open(lab.config_path, encoding="utf-8") as f:
            print("".join("  " + line for line in f), end="")

        heading(f"The daemon's log, while {GUESSES} guesses from {SOURCE} reach the log")
        daemon = lab.daemon(wait=False)
        follower = Follower(daemon.log_path)
        follower.start()
        daemon.wait_ready()
        for _ in range(GUESSES):
            lab.log.failures(SOURCE, 1, user="invalid user admin")
            time.sleep(0.2)
        mail = lab.wait_mails(1, 40)[0]
        code, seconds = daemon.stop()
        follower.finish()
        check(code == 0, f"the daemon ended with exit status {code}")

        heading("The mail, as it reached the mail server")
        print(f"  MAIL FROM:<{mail.sender}>")
        for recipient in mail.recipients:
            print(f"  RCPT TO:<{recipient}>")
        text = mail.bytes.decode("ascii", "replace").replace("\r\n", "\n")
        print(re.sub(r"^", "  ", text, flags=re.M))

        check(mail.recipients == [DESK], f"it went to {mail.recipients}, not to {DESK}")
        check(mail.label("Source IP") == SOURCE, "it names another source")
        check(mail.count() == GUESSES, f"it counts {mail.count()} events, not {GUESSES}")
        check(len(lab.mail.mails) == 1, "more than one mail arrived")
        print(f"One report about {SOURCE}, {GUESSES} failed logins, reached {DESK}; "
              f"the daemon stopped in {seconds:.1f} s.")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Failed as e:
        sys.exit(f"demo: {e}")
