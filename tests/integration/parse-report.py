#!/usr/bin/python3
"""Reads reports as an abuse desk's program would, with nothing of ours: each item by its
label, its value taken apart. Prints one JSON object per mail; exits 1 when an item is
missing, out of order or not what it claims to be.

usage: parse-report.py FILE...
"""
import email
import email.policy
import ipaddress
import json
import re
import sys
from datetime import datetime, timezone

LABELS = ["Source IP", "Source ports", "Destination IP", "Destination port", "First event",
          "Last event", "Clock", "Number of events", "Reference", "Contact"]
WITHOUT_VALUE = ("withheld", "not configured", "not in the log")


def addresses(value):
    """The addresses before any remark; each must be one."""
    if value.startswith(WITHOUT_VALUE):
        return []
    return [str(ipaddress.ip_address(a)) for a in value.split(" (")[0].split(", ")]


def numbers(value):
    if value.startswith(WITHOUT_VALUE):
        return []
    return [int(n) for n in value.removesuffix(" and others").split(", ")]


def moment(value):
    parsed = datetime.strptime(value, "%Y-%m-%d %H:%M:%S UTC (%z)")
    if parsed.utcoffset().total_seconds() != 0:
        raise ValueError(f"not UTC: {value}")
    return parsed.astimezone(timezone.utc)


def items(text):
    """The labelled lines at the body's start, in the order that is promised."""
    lines = text.splitlines()
    found = {}
    for label, line in zip(LABELS, lines):
        match = re.fullmatch(rf"{label}: +(\S.*)", line)
        if not match:
            raise ValueError(f"{label} expected, found: {line}")
        found[label] = match.group(1)
    return found


def report(data):
    message = email.message_from_bytes(data, policy=email.policy.default)
    if message.defects or message.get_content_type() != "text/plain":
        raise ValueError(f"not one plain text: {message.defects}")
    text = message.get_content()
    found = items(text)
    source = addresses(found["Source IP"])
    first, last = moment(found["First event"]), moment(found["Last event"])
    count = int(re.match(r"(\d+) failed login attempts?$", found["Number of events"])[1])
    if not message["Subject"].startswith(f"Abuse from {source[0]}:"):
        raise ValueError(f"the subject names another source: {message['Subject']}")
    if message["Auto-Submitted"] != "auto-generated" or "Precedence" in message:
        raise ValueError("it does not say what it is")
    if first > last or count < 1 or not source:
        raise ValueError("the numbers cannot be true")
    if not re.search(r"sshd(-session)?\[\d+\]: Failed ", text):
        raise ValueError("no log line")
    return {
        "to": message["To"], "message_id": message["Message-ID"], "source": source,
        "source_ports": numbers(found["Source ports"]),
        "destination": addresses(found["Destination IP"]),
        "destination_port": numbers(found["Destination port"]),
        "first": first.isoformat(), "last": last.isoformat(), "clock": found["Clock"],
        "count": count, "reference": found["Reference"], "contact": found["Contact"],
    }


def main(paths):
    status = 0
    for path in paths:
        try:
            with open(path, "rb") as f:
                print(json.dumps(report(f.read())))
        except (ValueError, TypeError, KeyError) as e:
            print(f"{path}: {e}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
