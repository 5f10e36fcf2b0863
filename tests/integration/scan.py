#!/usr/bin/python3
"""`abuse-reporterctl scan` as a user and a script see it, and what the tool says when
it is used wrongly or no daemon answers.

    scan.py BUILD_DIRECTORY

The last line is `N passed, N failed`."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from common import Failed, check

CASES = []
TOOL = []


def case(function):
    CASES.append(function)
    return function


def scan(*args, stdin=b"", status=0, text=False):
    """The objects that are printed, or the text; the exit status must be as given."""
    env = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8")
    done = subprocess.run([*TOOL, "scan", *args], input=stdin, capture_output=True, env=env,
                          check=False)
    check(done.returncode == status, f"exit {done.returncode}: {done.stderr}")
    if text:
        return done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


def tool(*args, status=0):
    done = subprocess.run([*TOOL, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=30, text=True)
    check(done.returncode == status, f"{args}: exit {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr


def line(second, addr="203.0.113.5", user="root", day=22, what="Failed password for", n=0):
    stamp = f"2026-11-{day:02}T21:{second // 60:02}:{second % 60:02}.123456+00:00"
    return f"{stamp} host sshd[{1000 + n + second}]: {what} {user} from {addr} port 40000 ssh2\n"


def write(path, text):
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def burst(addr="203.0.113.5", day=22, n=20):
    return "".join(line(i, addr, day=day) for i in range(n))


def of_kind(found, kind):
    return [f for f in found if f["event"] == kind]


@case
def an_attempt_is_printed_exactly_so():
    write("auth.log", "2026-11-22T22:36:13.123456+01:00 h sshd[7]: Failed password for root "
          "from 203.0.113.5 port 40000 ssh2\n")
    out, _ = scan("--json", "auth.log", text=True)
    check(out.splitlines()[0] ==
          '{"event":"attempt","time":"2026-11-22T21:36:13.123456Z","source":"203.0.113.5",'
          '"port":40000,"user":"root","service":"sshd","outcome":"failure","count":1,'
          '"reportable":false,"file":"auth.log","line":1}', out)
    check(out.splitlines()[1].startswith(
        '{"event":"summary","lines":1,"attempts":1,"incidents":0}'), out)


@case
def bursts_follow_by_first_time_and_the_sums_come_last():
    text = burst("198.51.100.7", 23) + burst("2001:db8::1", 22) + burst("2001:db8::2", 22)
    found = scan("--json", write("log", text))
    bursts = of_kind(found, "incident")
    check([b["source"] for b in bursts] == ["2001:db8::/64", "198.51.100.7"], bursts)
    check(list(bursts[0]) == ["event", "source", "first", "last", "count", "reportable"], bursts)
    check(bursts[0]["count"] == 40 and bursts[0]["first"] == "2026-11-22T21:00:00.123456Z",
          bursts)
    check([f["event"] for f in found] == ["attempt"] * 60 + ["incident"] * 2 + ["summary"], "")
    check(list(found[-1])[:4] == ["event", "lines", "attempts", "incidents"], found[-1])
    check(found[-1]["attempts"] == 60 and found[-1]["incidents"] == 2, found[-1])


@case
def a_success_is_an_attempt_but_not_in_the_sum():
    found = scan("--json", "-", stdin=line(1, what="Accepted password for").encode())
    check(found[0]["outcome"] == "success" and found[0]["file"] == "-", found)
    check(found[-1]["attempts"] == 0, found)


HEAD = b"Nov 22 21:36:13 h "
REFUSED = b"Failed password for root from 203.0.113.5 port 40000 ssh2"
EXPLAINED = [  # a line, its fate, and words of why
    (HEAD + b"sshd[7]: " + REFUSED, "rule", "a refused credential"),
    (HEAD + b"sshd[7]: message repeated 3 times: [ " + REFUSED + b"]", "rule", "refused"),
    (HEAD + b"sshd[7]: Accepted password for bob from 203.0.113.5 port 40000 ssh2", "rule",
     "succeeded"),
    (HEAD + b"sshd[7]: Invalid user bob from 203.0.113.5 port 40000", "rule", "session ends"),
    (HEAD + b"sshd[7]: message repeated 3 times: [ " + REFUSED, "repeat", "cut off"),
    (HEAD + b"sshd[7]: hello", "none", "no template"),
    (HEAD + b"cron[7]: hello", "program", "no rule is about"),
    (HEAD + b"sshd[7]: Failed password for a:b from 203.0.113.5 port 40000 ssh2",
     "ambiguous", "more than one reading"),
    (HEAD + b"sshd[7]: Failed password for " + b"x" * 460 + b" from 192.0.2.1 port 1 ssh2",
     "truncated", "cut it off"),
    (HEAD + b"evil sshd[7]: " + REFUSED, "garbage", "no host and then a program"),
    (b"Nov 31 21:36:13 h sshd[7]: " + REFUSED, "garbage", "date does not exist"),
    (b"hello", "garbage", "no time"),
    (b"<x> " + HEAD + b"sshd[7]: x", "garbage", "no priority"),
    (b"1 2026-11-22T21:36:13Z h", "garbage", "RFC 5424"),
    (HEAD + b"sshd[7]: a\x1b[31mb", "garbage", "control byte"),
    (b"", "garbage", "empty"),
]


@case
def each_line_is_explained():
    text = b"".join(line + b"\n" for line, _, _ in EXPLAINED)
    found = of_kind(scan("--json", "--explain", "-", stdin=text), "line")
    check(len(found) == len(EXPLAINED), found)
    for number, ((line, fate, words), got) in enumerate(zip(EXPLAINED, found), 1):
        check(got["fate"] == fate and words in got["why"] and got["line"] == number, got)
        for part in ("program", "message", "source", "port", "user"):
            if got[part]:
                cut = line[got[part]["from"]:got[part]["to"]].decode()
                check(cut == got[part]["text"], (part, got))
        check((got["rule"] is not None) == (fate == "rule"), got)
    check(found[0]["source"]["text"] == "203.0.113.5", found[0])
    check(found[0]["user"]["text"] == "root" and found[0]["port"]["text"] == "40000", found[0])
    check(found[0]["rule"] == "Failed password for {user} from {addr} port {port} ssh2", found[0])
    check(found[1]["repeats"] == 3 and found[1]["service"] == "sshd", found[1])
    check(found[9]["at"] == 16, found[9])


@case
def an_explanation_is_harmless_and_fits_a_terminal():
    text = b"".join(line + b"\n" for line, _, _ in EXPLAINED) + HEAD + \
        b"sshd[7]: Failed password for \xff\xfe" + b"y" * 200 + b" from 203.0.113.5 port 1 ssh2\n"
    out, _ = scan("--explain", "-", stdin=text, text=True)
    check(out.isascii() and out.replace("\n", "").isprintable(), out)
    check(max(len(line) for line in out.splitlines()) <= 80, out)
    check("  source   203.0.113.5  (57-68)" in out, out)
    check("  rule     Failed password for {user} from {addr} port {port} ssh2" in out, out)
    check("  user     \\xff\\xfeyyy" in out and "...  (47-249)" in out, out)
    check("TIME (UTC)" not in out, "attempts between the explanations")
    plain = of_kind(scan("--json", "-", stdin=text), "summary")
    check(of_kind(scan("--json", "--explain", "-", stdin=text), "summary") == plain, plain)


@case
def rules_of_the_configuration_are_tried():
    log = write("app.log", "".join(
        f"2026-11-22T21:00:{i:02}Z h myapp[5]: login failed for x from 192.0.2.1 from "
        f"203.0.113.5\n" for i in range(20)) +
        "2026-11-22T21:00:30Z h myapp[5]: welcome bob from 203.0.113.9\n"
        "2026-11-22T21:00:31Z h other[5]: login failed for x from 203.0.113.5\n"
        f"2026-11-22T21:00:32Z h myapp[5]: login failed for {'x' * 230} from 192.0.2.1\n")
    config = write("rules.yaml", "sources: [{journal: {}}]\nrules:\n- program: myapp\n"
                   "  service: shop\n  failure: login failed for {user} from {addr}\n"
                   "  success: welcome {user} from {addr}\n")
    check(scan("--json", log)[-1]["attempts"] == 0, "without rules")
    found = scan("--json", "--counters", "-c", config, log)
    attempts = of_kind(found, "attempt")
    check(len(attempts) == 21 and found[-1]["attempts"] == 20, found[-1])
    check({a["source"] for a in attempts[:20]} == {"203.0.113.5"}, attempts)
    check({a["service"] for a in attempts} == {"shop"}, attempts)
    check(attempts[0]["user"] == "x from 192.0.2.1", attempts[0])
    check(attempts[20]["outcome"] == "success", attempts[20])
    check([b["source"] for b in of_kind(found, "incident")] == ["203.0.113.5"], found)
    check(found[-1]["truncated"] == 1, found[-1])


@case
def a_rule_that_could_be_steered_is_refused():
    config = write("steered.yaml", "sources: [{journal: {}}]\n"
                   "rules: [{program: myapp, failure: \"by {word} from {addr} {rest}\"}]\n")
    _, said = scan("-c", config, "-", status=78, text=True)
    check("steered.yaml:2:39: rules.failure: a name with blanks" in said, said)


@case
def the_newest_file_may_come_first():
    old = write("log.1", burst(day=21) + "".join(line(i, day=22) for i in range(10)))
    new = write("log", "".join(line(i, day=22) for i in range(10, 20)))
    empty = write("log.2", "")
    one, two = scan("--json", old, new), scan("--json", new, empty, old)
    check(of_kind(one, "incident") == of_kind(two, "incident"), "the bursts differ")
    check(len(of_kind(one, "incident")) == 2, one)
    check([a["file"] for a in of_kind(two, "attempt")] == ["log"] * 10 + ["log.1"] * 30,
          "attempts are not in line order")
    check(one[-1] == two[-1] and scan("--summary", new, empty, old) == [one[-1]], "sums differ")


@case
def summary_prints_the_last_object_only():
    write("log", burst())
    last = scan("--json", "log")[-1]
    check(scan("--summary", "log") == [last] == scan("--summary", "--json", "log"), last)


@case
def garbage_is_counted_and_skipped():
    text = (b"\0" * 100000 + b"\n" + b"x" * (1 << 20) + b"\n\n\xff\xfe garbage\n" +
            line(1).encode().replace(b"\n", b"\r\n") + line(2).encode().rstrip())
    found = scan("--json", "--counters", write("log", text))
    check([a["line"] for a in of_kind(found, "attempt")] == [5, 6], found)
    check(found[-1]["lines"] == 6 and found[-1]["overlong"] == 1, found[-1])


@case
def foreign_bytes_are_valid_json_and_harmless_in_the_table():
    users = ["gr\u00fc\u00df", "a\\\"b", "x" * 90]
    text = "".join(line(i, user=u) for i, u in enumerate(users)).encode()
    text += line(9, user="?").encode().replace(b"?", b"\xff\xfe")
    found = of_kind(scan("--json", write("log", text)), "attempt")
    check([a["user"] for a in found] == users + ["\\xff\\xfe"], found)
    out, _ = scan("log", text=True)
    check(out.isascii() and all(len(row) <= 80 for row in out.splitlines()), out)


@case
def the_table_fits_a_terminal():
    long = "2001:db8:1111:2222:3333:4444:5555:6666"
    out, _ = scan(write("log", burst(long) + burst("198.51.100.250")), text=True)
    check(all(len(row) <= 80 for row in out.splitlines()), out)
    check("2001:db8:1111:2222::/64" in out and "40 failed attempts, 2 bursts" in out, out)


@case
def the_configuration_says_who_is_reportable():
    conf = ("sources: [{file: /var/log/auth.log}]\nignore: [192.0.2.7]\n"
            "reportable: [192.0.2.0/24, 203.0.113.0/24]\ndetect: {failures: 3}\n")
    write("conf.yaml", conf)
    write("log", line(1) + line(2, "192.0.2.7") + line(3, "198.51.100.1") + line(4) + line(5) +
          line(6, "1.1.1.1"))
    plain = of_kind(scan("--json", "log"), "attempt")
    check([a["reportable"] for a in plain] == [False] * 5 + [True], plain)
    found = scan("--json", "-c", "conf.yaml", "log")
    check([a["reportable"] for a in of_kind(found, "attempt")] ==
          [True, False, False, True, True, True], found)
    check([b["reportable"] for b in of_kind(found, "incident")] == [True], found)


@case
def a_year_is_found_for_times_without_one():
    old = "Feb 29 03:04:05 h sshd[7]: Failed password for root from 203.0.113.5 port 4 ssh2\n"
    write("log", old)
    found = scan("--json", "--now", "2025-06-01T00:00:00Z", "log")
    check(found[0]["time"] == "2024-02-29T03:04:05Z", found)
    os.utime("log", (1600000000, 1600000000))  # 2020-09-13
    check(scan("--json", "log")[0]["time"] == "2020-02-29T03:04:05Z", "by the file's time")


SAID = "h sshd[7]: Failed password for root from 203.0.113.5 port 4 ssh2\n"


def times(*args):
    return [f["time"] for f in of_kind(scan("--json", *args), "attempt")]


@case
def a_log_of_several_years_gets_each_of_them():
    want = ["2023-12-31T23:59:59Z", "2024-01-01T00:00:01Z", "2024-02-29T12:00:00Z",
            "2024-12-24T18:00:00Z", "2025-11-11T11:11:11Z", "2026-03-01T00:00:00Z"]
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

    def bsd(text):
        return f"{months[int(text[5:7]) - 1]} {int(text[8:10]):2} {text[11:19]} "

    # Lines in between that no rule knows tell of years as well.
    filler = "".join(bsd(f"2025-{m:02}-15T00:00:00Z") + "h cron[1]: x\n" for m in range(1, 11))
    lines = [bsd(t) + SAID for t in want]
    log = "".join(lines[:4]) + filler + "".join(lines[4:])
    write("log", log)
    check(times("--now", "2026-11-23T00:00:00Z", "log") == want, "with --now")
    os.utime("log", (1772500000, 1772500000))  # 2026-03-03
    check(times("log") == want, "by the file's time")
    write("log", log.replace("\n", "\r\n"))
    check(times("--now", "2026-11-23T00:00:00Z", "log") == want, "with CRLF")
    # A file that is older comes first, however it is named.
    write("older", "Jun  1 00:00:00 " + SAID)
    os.utime("older", (1688000000, 1688000000))  # 2023-06-29
    os.utime("log", (1772500000, 1772500000))
    found = [f["time"] for f in scan("--json", "log", "older") if f["event"] == "attempt"]
    check(sorted(found) == ["2023-06-01T00:00:00Z"] + want, found)


@case
def times_without_a_zone_are_of_the_zone_that_is_named():
    if not os.path.exists("/usr/share/zoneinfo/Europe/Berlin"):
        return
    # The hour from 02:00 comes twice on 25 October 2026.
    write("log", "".join(t + SAID for t in (
        "Oct 25 01:30:00 ", "Oct 25 02:30:00 ", "Oct 25 02:59:59 ", "Oct 25 02:00:00 ",
        "Oct 25 02:30:00 ", "Oct 25 03:00:00 ", "Nov 22 21:36:13 ")))
    found = times("--timezone", "Europe/Berlin", "--now", "2026-11-23T00:00:00Z", "log")
    check(found == ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T00:59:59Z",
                    "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z",
                    "2026-11-22T20:36:13Z"], found)
    _, said = scan("--timezone", "Europe/Nowhere", "log", status=64, text=True)
    check("no time zone" in said, said)


@case
def wrong_use_says_what_is_right():
    for args in ([], ["--wrong", "log"], ["--now"], ["--now", "yesterday", "log"], ["-c"]):
        _, said = scan(*args, status=64, text=True)
        check("usage: abuse-reporterctl scan" in said, said)
    out, _ = scan("--help", text=True)
    check(out.startswith("usage:"), out)
    check(max(map(len, out.splitlines())) <= 80, out)


@case
def an_unreadable_file_does_not_stop_the_others():
    write("log", burst())
    os.mkdir("directory")
    out, said = scan("--json", "absent\033[1m", "log", "directory", status=66, text=True)
    check(out.count('"event":"attempt"') == 20, out)
    check("No such file" in said and "Is a directory" in said and "\033" not in said, said)
    _, said = scan("-c", "absent.yaml", "log", status=66, text=True)
    write("wrong.yaml", "detekt: {}\n")
    _, said = scan("-c", "wrong.yaml", "log", status=78, text=True)
    check("wrong.yaml:1:1:" in said, said)


@case
def a_full_disk_is_no_success():
    write("log", burst())
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*TOOL, "scan", "log"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    check(done.returncode == 74 and b"No space" in done.stderr, done)


@case
def the_word_that_is_wrong_is_named():
    for args, words in ((["bogus"], "bogus is no verb"), (["-c", "x", "status"], "-c is no "),
                        ([], "a verb is missing"), (["-s"], "-s needs a socket"),
                        (["a\033[1m"], "a\\x1b[1m is no verb")):
        out, said = tool(*args, status=64)
        first, second = said.splitlines()[:2]
        check(out == "" and words in first and second.startswith("usage: "), said)
    check(tool("-V") == tool("--version"), "-V")


@case
def help_needs_no_daemon():
    out, _ = tool("--help")
    check("--explain" in out and "--timezone" in out, out)
    check(max(map(len, out.splitlines())) <= 80, out)
    for verb in ("contact", "status", "incidents", "show", "approve", "drop", "reload"):
        for word in ("--help", "-h"):
            out, _ = tool(verb, word)
            check(out.startswith("usage: ") and f" {verb}" in out, out)


def answered(answer, status, *, hold=False, path="socket"):
    """What the tool prints and says when the socket gives this answer."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(answer)
                while hold and peer.recv(1):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return tool("-s", path, "status", status=status)
        finally:
            thread.join()
            os.unlink(path)


@case
def only_the_daemon_is_believed():
    for answer in (b"220 mail.example ESMTP\r\n", b"-1\n", b" 0\n", b"126\n", b"hello", b"\n"):
        out, said = answered(answer, 76)
        check(out == "" and "something else" in said and "at socket" in said, said)
    _, said = answered(b"", 76)
    check("without an answer" in said, said)
    check(answered(b"0\nwhole", 0)[0] == "whole", "an answer without an end")
    check(answered(b"0", 0)[0] == "", "an empty answer")
    check("no such" in answered(b"66\nno such\n", 66)[1], "an error")


def unaccepted():
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind("full")
        listener.listen(0)
        waiting.connect("full")
        return tool("-s", "full", "status", status=75)


@case
def a_daemon_that_hangs_is_not_waited_for():
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:  # beside each other: each takes 10 s
        jobs = [pool.submit(answered, b"", 75, hold=True, path="silent"),
                pool.submit(answered, b"0\nhalf", 75, hold=True, path="half"),
                pool.submit(unaccepted)]
    for job in jobs:
        said = job.result()[1]
        check("does not answer within 10 s; see journalctl -u abuse-reporterd" in said, said)
    check(9 < time.monotonic() - began < 18, "not 10 s")


def main():
    build = os.path.abspath(sys.argv[1])
    failed = 0
    TOOL.append(os.path.join(build, "daemon", "abuse-reporterctl"))
    for function in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            try:
                function()
                print(f"ok      {function.__name__}")
            except (Failed, OSError, ValueError, LookupError):
                failed += 1
                print(f"FAILED  {function.__name__}")
                traceback.print_exc()
            os.chdir("/")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
