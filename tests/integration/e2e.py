#!/usr/bin/python3
"""The real binaries on loopback, one scenario after the other.

    e2e.py BUILD_DIRECTORY [--jobs N] [--list] [SCENARIO...]

Each scenario is a function; its name says what a user may rely on. Each has a directory, a
log, a registry and a mail server of its own, so several run at a time. ABUSE_TEST_WRAPPER
goes before the daemon's command line (valgrind), ABUSE_TEST_PATIENCE stretches the waits.

The last line is `N passed, N failed, N skipped`."""
import argparse
import concurrent.futures
import datetime
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import traceback
import zoneinfo

from common import Failed, Skip, check, run, wait_until
from lab import Lab

SCENARIOS = []
ISP, CLOUD, SIX = "abuse@isp.example", "abuse@cloud.example", "abuse@six.example"


def scenario(function):
    SCENARIOS.append(function)
    return function


def prepared(lab, script=None, **changes):
    """Registry, mail server, an empty log and a configuration."""
    lab.registry(script)
    lab.mail.start()
    lab.log.write(b"")
    lab.configure(**changes)


def long_ago(hours=2):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours)


def the_report(lab, source, recipient, count):
    """The one mail about a source: to whom, and with which number."""
    mails = lab.mail.about(source)
    check(len(mails) == 1, f"{len(mails)} mails about {source}")
    mail = mails[0]
    check(mail.recipients == [recipient], f"the report went to {mail.recipients}")
    check(mail.count() == count, f"the report counts {mail.count()} events, not {count}")
    return mail


def incidents(lab):
    done = lab.online("incidents", "--json")
    check(done.returncode == 0, f"abuse-reporterctl incidents: {done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_incident(lab, source, state, reason=None, seconds=15):
    """The incident of that source (None: of any) in that state, for that reason."""
    def probe():
        for row in incidents(lab):
            if source in (None, row["source"]) and row["state"] == state and \
                    reason in (None, row["reason"]):
                return row
        return None
    return wait_until(lambda: f"{source} {state} {reason} in {incidents(lab)}", probe,
                      seconds * lab.patience)


# --- the main job ------------------------------------------------------------------------

@scenario
def a_burst_becomes_one_report_to_the_network_it_came_from(lab):
    prepared(lab)
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 7)
    lab.wait_mails(1)
    mail = the_report(lab, "203.0.113.5", ISP, 7)
    check(mail.sender.endswith("@reporter.example"), f"sender {mail.sender}")
    check(str(mail.message["Subject"]).startswith("Abuse from 203.0.113.5:"),
          f"subject {mail.message['Subject']}")
    check(mail.message.get_content_type() == "text/plain", "not plain text")
    labels = ["Source IP", "Source ports", "Destination IP", "Destination port",
              "First event", "Last event", "Clock", "Number of events", "Reference",
              "Contact"]
    places = [mail.text.find(label + ":") for label in labels]
    check(-1 not in places and places == sorted(places), f"labels at {places}")
    check("192.0.2.1" in mail.label("Destination IP"), mail.label("Destination IP"))
    check("2001:db8" not in mail.label("Destination IP"), "a destination of another family")
    for name in ("First event", "Last event"):
        check(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(\+0000\)$", mail.label(name)),
              f"{name}: {mail.label(name)}")
    check(mail.text.count("Failed password for root from 203.0.113.5") >= 5, "no evidence")
    check(any(line.startswith("STATUS=") and "LAB" in line for line in daemon.notify.seen),
          f"no LAB in the status: {daemon.notify.seen}")
    lab.no_more_mails(1)


@scenario
def fewer_failures_than_the_threshold_are_not_reported(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 4)
    lab.log.failures("203.0.113.6", 5)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.6", ISP, 5)


@scenario
def several_sources_each_get_their_own_report(lab):
    prepared(lab)
    lab.daemon()
    for _ in range(6):
        lab.log.failures("203.0.113.5", 1)
        lab.log.failures("198.51.100.7", 2, user="invalid user admin")
        lab.log.failures("203.0.113.77", 1)
    lab.wait_mails(3)
    lab.no_more_mails(3)
    the_report(lab, "203.0.113.5", ISP, 6)
    the_report(lab, "198.51.100.7", CLOUD, 12)
    the_report(lab, "203.0.113.77", ISP, 6)


@scenario
def addresses_of_one_ipv6_network_are_one_source(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("2001:db8:0:1::10", 3)
    lab.log.failures("2001:db8:0:1::11", 4)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    mail = lab.mail.mails[0]
    check(mail.recipients == [SIX], f"the report went to {mail.recipients}")
    check(mail.count() == 7, f"it counts {mail.count()}")
    check(mail.label("Source IP").startswith("2001:db8:0:1::11"), mail.label("Source IP"))
    check("2001:db8:ffff::1" in mail.label("Destination IP"), mail.label("Destination IP"))


@scenario
def a_repeat_line_counts_as_often_as_it_says(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 1)
    lab.log.write(lab.log.line("message repeated 6 times: [ Failed password for root from "
                               "203.0.113.5 port 40001 ssh2]"))
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 7)


# --- the log and its rotations ------------------------------------------------------------

@scenario
def a_renamed_log_is_read_to_its_end_and_the_new_one_from_its_start(lab):
    prepared(lab, detect={"settle": "3s"})
    lab.daemon()
    lab.log.failures("203.0.113.5", 3)
    with open(lab.log.path, "ab", buffering=0) as still_open:
        os.rename(lab.log.path, lab.log.path + ".1")
        time.sleep(0.3)
        still_open.write(lab.log.line("Failed password for root from 203.0.113.5 "
                                      "port 41000 ssh2"))
        lab.log.failures("203.0.113.5", 4)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 8)


@scenario
def a_copied_and_truncated_log_is_read_on_from_its_start(lab):
    prepared(lab, detect={"settle": f"{int(4 * lab.patience)}s"})
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    time.sleep(1 * lab.patience)
    shutil.copyfile(lab.log.path, lab.log.path + ".1")
    os.truncate(lab.log.path, 0)
    time.sleep(0.5)
    lab.log.failures("203.0.113.5", 4)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 10)


@scenario
def a_log_that_is_not_there_yet_is_waited_for(lab):
    prepared(lab)
    os.unlink(lab.log.path)
    daemon = lab.daemon()
    time.sleep(0.5)
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)
    said = [line for line in daemon.text().splitlines() if lab.log.path in line and
            re.search(r"not there|does not exist|absent|No such file|waiting", line)]
    check(len(said) == 1, f"the absent file was mentioned {len(said)} times")


@scenario
def a_first_start_begins_at_the_end_of_the_log(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 20)
    lab.daemon()
    time.sleep(0.5)
    lab.log.failures("198.51.100.7", 6)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "198.51.100.7", CLOUD, 6)


@scenario
def start_beginning_reads_the_whole_log(lab):
    prepared(lab, sources=[{"file": lab.log.path, "start": "beginning"}])
    lab.log.failures("203.0.113.5", 6)
    lab.daemon()
    lab.wait_mails(1)
    mail = the_report(lab, "203.0.113.5", ISP, 6)
    check(re.search("unknown|not known", mail.label("Clock"), re.I),
          f"Clock of a backlog: {mail.label('Clock')}")


@scenario
def garbage_in_the_log_stops_nothing_and_costs_no_attempt(lab):
    prepared(lab, detect={"settle": "4s"})
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 3)
    lab.log.write(bytes(range(256)) * 40 + b"\n")
    lab.log.write(b"\0" * 5000 + b"\n")
    lab.log.write(b"Failed password for root from 198.51.100.9 port 1 ssh2 " +
                  b"A" * (1 << 20) + b"\n")
    lab.log.write(b"\xff\xfe\n\r\n\n   \n")
    lab.log.write(os.urandom(100000) + b"\n")
    line = lab.log.line("Failed password for root from 203.0.113.5 port 41000 ssh2")
    lab.log.write(line.replace(b"\n", b"\r\n"))
    lab.log.write(b"x" * (1 << 20) + b"\n")
    lab.log.failures("203.0.113.5", 3)
    lab.wait_mails(1, 30)
    check(daemon.process.poll() is None, "the daemon has ended")
    check(lab.mail.mails[0].count() in (6, 7), f"it counts {lab.mail.mails[0].count()}")
    check(lab.mail.mails[0].label("Source IP") == "203.0.113.5", "another source")
    lab.no_more_mails(1)


@scenario
def hostile_user_names_move_no_address_and_reach_no_one_raw(lab):
    prepared(lab)
    daemon = lab.daemon()
    hostile = "x from 198.51.100.9 port 22 ssh2 \x1b[31m\u202e"
    lab.log.failures("203.0.113.5", 6, user="invalid user " + hostile)
    lab.log.failures("203.0.113.6", 6, user="invalid user admin from 198.51.100.9")
    lab.log.failures("203.0.113.7", 6)
    lab.wait_mails(1)
    wait_until("the plain burst's mail", lambda: lab.mail.about("203.0.113.7"), 15)
    time.sleep(2 * lab.patience)
    check(not lab.mail.about("198.51.100.9"), "an innocent address was reported")
    check(not lab.mail.to(CLOUD), "an innocent network was told")
    for mail in lab.mail.mails:
        check(re.fullmatch(rb"[\x20-\x7e\r\n\t]*", mail.bytes), "raw bytes in a mail")
    check("\x1b" not in daemon.text(), "a raw escape in the daemon's log")


# --- restarts -----------------------------------------------------------------------------

@scenario
def lines_written_while_it_was_stopped_belong_to_the_same_burst(lab):
    prepared(lab, detect={"settle": "6s"})
    first = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    time.sleep(0.5)
    code, seconds = first.stop()
    check(code == 0, f"exit status {code} after SIGTERM")
    check(seconds < 20, f"it took {seconds:.1f} s to stop")
    check("STOPPING=1" in first.notify.seen, "no STOPPING=1")
    lab.log.failures("203.0.113.5", 4)
    lab.daemon()
    lab.wait_mails(1, 30)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 10)


@scenario
def killed_again_and_again_it_loses_nothing_and_counts_nothing_twice(lab):
    prepared(lab, detect={"settle": "6s"})
    total = 0
    for round_ in range(8):
        daemon = lab.daemon()
        for _ in range(5):
            lab.log.failures("203.0.113.5", 1)
            lab.log.failures("198.51.100.7", 1)
            total += 1
            time.sleep(0.03)
        time.sleep(0.15 * round_)
        daemon.kill()
    lab.daemon()
    lab.wait_mails(2, 40)
    lab.no_more_mails(2)
    the_report(lab, "203.0.113.5", ISP, total)
    the_report(lab, "198.51.100.7", CLOUD, total)


@scenario
def a_restart_after_the_report_sends_nothing_again(lab):
    prepared(lab)
    first = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    first.kill()
    second = lab.daemon()
    lab.no_more_mails(1, 2)
    second.stop()
    lab.daemon()
    lab.no_more_mails(1, 2)


@scenario
def a_second_process_exits_75_and_names_the_holder(lab):
    prepared(lab)
    daemon = lab.daemon()
    done = lab.run()
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    pid = daemon.process.pid
    if not lab.wrapper:
        check(str(pid) in done.stdout, f"pid {pid} is not named: {done.stdout}")
    check(daemon.process.poll() is None, "the holder has ended")


@scenario
def the_watchdog_is_fed(lab):
    prepared(lab)
    daemon = lab.daemon()
    wait_until("WATCHDOG=1", lambda: daemon.notify.seen.count("WATCHDOG=1") >= 2,
               8 * lab.patience)


# --- configuration --------------------------------------------------------------------------

@scenario
def check_accepts_a_good_file(lab):
    prepared(lab)
    done = lab.run("--check")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    check(not os.path.exists(lab.path("state.db")), "--check made a state file")


def check_errors(lab, text, *expected):
    """Runs --check; expected are (line, column or None, words) in this order."""
    lab.configure(text)
    done = lab.run("--check")
    check(done.returncode == 78, f"exit status {done.returncode}, not 78: {done.stdout}")
    errors = re.findall(rf"{re.escape(lab.config_path)}:(\d+):(\d+): *(.*)", done.stdout)
    check(len(errors) == len(expected), f"{len(expected)} errors expected:\n{done.stdout}")
    for (line, column, message), (want_line, want_column, words) in zip(errors, expected):
        check(int(line) == want_line and want_column in (None, int(column)),
              f"expected at {want_line}:{want_column}:\n{done.stdout}")
        for word in words:
            check(word in message, f"no {word!r} in: {message}")
    return done.stdout


@scenario
def check_names_each_error_of_content_with_its_place(lab):
    prepared(lab)
    check_errors(lab, "sources:\n"
                      "  - file: relative/auth.log\n"
                      "detect: {failures: none}\n"
                      "modus: send\n"
                      "ignore: [192.0.2.0/24, 300.1.2.3]\n",
                 (2, 11, []), (3, 20, []), (4, 1, ["modus"]), (5, 24, []))


@scenario
def check_names_only_the_first_error_of_syntax(lab):
    prepared(lab)
    check_errors(lab, "sources:\n  - file: /var/log/auth.log\nmode: [observe\nx: }\n",
                 (4, None, []))


@scenario
def check_refuses_what_would_be_ambiguous(lab):
    prepared(lab)
    log = lab.log.path
    check_errors(lab, "mode: observe\n", (1, 1, ["sources"]))
    check_errors(lab, f"sources: [{{file: {log}}}]\nmode: observe\nmode: send\n",
                 (3, 1, ["mode"]))
    check_errors(lab, f"sources: [{{file: {log}}}, {{journal: {{}}}}]\n", (1, None, []))
    lab.configure(f"sources: [{{file: {log}.absent}}, {{journal: {{}}}}]\n")
    done = lab.run("--check")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")


@scenario
def check_refuses_to_send_without_sender_reply_address_and_destination(lab):
    prepared(lab)
    for mode in ("hold", "send"):
        lab.configure(f"sources: [{{file: {lab.log.path}}}]\nmode: {mode}\n")
        done = lab.run("--check")
        check(done.returncode == 78, f"exit status {done.returncode}: {done.stdout}")
        for word in ("from", "reply_to", "addresses"):
            check(word in done.stdout, f"{word} is not asked for: {done.stdout}")


@scenario
def binary_garbage_as_configuration_is_refused_and_touches_nothing(lab):
    prepared(lab)
    with open(lab.config_path, "wb") as f:
        f.write(bytes(range(256)) * 16)
    for args in (["--check"], ["--once"], []):
        done = lab.run(*args)
        check(done.returncode == 78, f"{args}: exit status {done.returncode}")
    check(not os.path.exists(lab.path("state.db")), "a state file was made")


@scenario
def a_reload_with_a_wrong_file_keeps_the_old_configuration(lab):
    prepared(lab)
    daemon = lab.daemon()
    lab.configure("sources: []\nmode: perhaps\n")
    daemon.reload()
    check(any(line == "RELOADING=1" for line in daemon.notify.seen), "no RELOADING=1")
    daemon.wait_log(re.escape(lab.config_path) + r":2:7")
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def a_reload_puts_a_good_file_into_force(lab):
    prepared(lab)
    daemon = lab.daemon()
    lab.configure(mode="observe", detect={"failures": 3})
    daemon.reload()
    lab.log.failures("203.0.113.5", 4)
    wait_incident(lab, "203.0.113.5", "observed")
    lab.no_more_mails(0)


@scenario
def a_rule_of_ones_own_counts_from_the_reload_on(lab):
    prepared(lab)
    daemon = lab.daemon()
    rules = [{"program": "myapp", "service": "shop",
              "failure": "login failed for {user} from {addr}"}]
    report = {**lab.settings()["report"], "ports": {"shop": 443}}
    lab.configure(rules=rules, report=report)
    daemon.reload()
    for i in range(6):
        lab.log.write(lab.log.line(f"login failed for u{i} from 192.0.2.1 from 203.0.113.5")
                      .replace(b" sshd[", b" myapp["))
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)
    body = lab.mail.about("203.0.113.5")[0].message.get_payload()
    check("443" in body, body)
    lab.configure()
    daemon.reload()
    for i in range(6):
        lab.log.write(lab.log.line(f"login failed for u{i} from 198.51.100.7")
                      .replace(b" sshd[", b" myapp["))
    lab.no_more_mails(1)


# --- one run over a finished log --------------------------------------------------------------

@scenario
def once_reports_a_finished_log_and_a_second_run_sends_nothing(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 30, when=long_ago(), spread=10)
    lab.log.failures("198.51.100.7", 5, when=long_ago(1), spread=10)
    done = lab.run("--once")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    lab.wait_mails(2)
    done = lab.run("--once")
    check(done.returncode == 0, f"second run: exit status {done.returncode}: {done.stdout}")
    lab.no_more_mails(2, 0.2)


@scenario
def once_begins_where_the_last_run_ended(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 6, when=long_ago(3))
    check(lab.run("--once").returncode == 0, "the first run failed")
    lab.log.failures("198.51.100.7", 6, when=long_ago(1))
    check(lab.run("--once").returncode == 0, "the second run failed")
    lab.wait_mails(2)
    the_report(lab, "203.0.113.5", ISP, 6)
    the_report(lab, "198.51.100.7", CLOUD, 6)


@scenario
def once_leaves_work_for_later_with_75_while_the_mail_server_is_away(lab):
    prepared(lab)
    lab.mail.stop()
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    lab.mail.start()
    done = lab.run("--once")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def once_leaves_work_for_later_with_75_while_the_registry_fails(lab):
    prepared(lab, {"answers": {"203.0.113.0/24": [{"status": 503}, {"contact": ISP}]}})
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    check(not lab.mail.mails, "a mail was sent without a contact")
    lab.rdap.restart()
    done = lab.run("--once")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def once_exits_75_when_a_report_waits_for_approval(lab):
    prepared(lab, mode="hold")
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    lab.no_more_mails(0, 0.2)


@scenario
def dry_run_shows_what_would_happen_and_leaves_no_trace(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    done = lab.run("--once", "--dry-run")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    check("203.0.113.5" in done.stdout and ISP in done.stdout,
          f"no source or no contact in: {done.stdout}")
    check(not os.path.exists(lab.path("state.db")), "a state file was made")
    lab.no_more_mails(0, 0.2)


# --- decisions ----------------------------------------------------------------------------

@scenario
def observe_sends_nothing(lab):
    prepared(lab, mode="observe")
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    wait_incident(lab, "203.0.113.5", "observed")
    lab.no_more_mails(0)


@scenario
def hold_waits_for_the_operator(lab):
    prepared(lab, mode="hold")
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.log.failures("198.51.100.7", 6)
    wait_incident(lab, "203.0.113.5", "held", "approval")
    wait_incident(lab, "198.51.100.7", "held", "approval")
    lab.no_more_mails(0)
    for row in incidents(lab):
        verb = "approve" if row["source"] == "203.0.113.5" else "drop"
        done = lab.online(verb, str(row["id"]))
        check(done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}")
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def a_successful_login_holds_the_report(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 6, user="alice")
    lab.log.success("203.0.113.5")
    lab.log.failures("198.51.100.7", 6)
    lab.wait_mails(1)
    wait_incident(lab, "203.0.113.5", "held", "successful-login")
    lab.no_more_mails(1)
    the_report(lab, "198.51.100.7", CLOUD, 6)


@scenario
def a_login_after_a_large_burst_is_told_to_the_local_contact_at_once(lab):
    prepared(lab, detect={"settle": "1h", "max_age": "2h"})  # the burst stays open
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 40)
    wait_incident(lab, "203.0.113.5", "open")
    lab.log.success("203.0.113.5", user="bob")
    lab.wait_mails(1)
    lab.log.failures("203.0.113.5", 3)
    lab.log.success("203.0.113.5", user="bob")
    lab.no_more_mails(1)
    mail = lab.mail.mails[0]
    check(mail.recipients == ["root"], f"the notice went to {mail.recipients}")
    check(str(mail.message["Subject"]) == "Login from 203.0.113.5 after 40 failed ones",
          f"subject {mail.message['Subject']}")
    check('as "bob" succeeded at' in " ".join(mail.text.split()), mail.text)
    daemon.kill()  # nor again after a crash
    lab.daemon()
    lab.log.success("203.0.113.5", user="bob")
    lab.no_more_mails(1)


@scenario
def who_logged_in_days_ago_is_not_reported(lab):
    prepared(lab)
    lab.log.success("203.0.113.5", when=long_ago(20 * 24))
    lab.log.failures("203.0.113.5", 6)
    lab.log.failures("198.51.100.7", 6)
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stderr}")
    lab.daemon()
    row = wait_incident(lab, "203.0.113.5", "held", "successful-login")
    check("as alice" in row["detail"], f"detail {row['detail']}")
    lab.no_more_mails(1)
    the_report(lab, "198.51.100.7", CLOUD, 6)


@scenario
def a_line_of_the_future_does_not_poison_its_source(lab):
    prepared(lab)
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 3, when=long_ago(-30 * 24))
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)
    check(daemon.text().count("has not come yet") == 1, daemon.text())
    status = json.loads(lab.online("status", "--json").stdout)
    check(status["future"] == 3, f"future {status['future']}")


@scenario
def a_log_of_another_zone_is_warned_of_and_can_be_named(lab):
    now = datetime.datetime.now(datetime.timezone.utc)
    there = now.astimezone(zoneinfo.ZoneInfo("Asia/Kolkata"))
    prepared(lab, sources=[{"file": lab.log.path, "timezone": "Asia/Kolkata"}])
    daemon = lab.daemon()
    lab.log.write("".join(
        there.strftime("%b %e %H:%M:%S")
        + f" h sshd[{i}]: Failed password for root from 203.0.113.5 port {4000 + i} ssh2\n"
        for i in range(1, 8)).encode())
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 7)
    check("this system's clock" not in daemon.text(), daemon.text())
    source = json.loads(lab.online("status", "--json").stdout)["sources"][0]
    check(0 <= source["skew"] < 60, f"skew {source['skew']}")

    lab.configure()  # as if it were of this system's zone: in the past by no more than that
    daemon.reload()
    early = now - datetime.timedelta(hours=2)
    lab.log.write((early.strftime("%b %e %H:%M:%S") + " h sshd[99]: Failed password for root "
                   "from 203.0.113.6 port 4000 ssh2\n").encode() * 2)
    daemon.wait_log("behind this system's clock")
    check(daemon.text().count("this system's clock") == 1, daemon.text())
    source = json.loads(lab.online("status", "--json").stdout)["sources"][0]
    check(7190 <= source["skew"] < 7300, f"skew {source['skew']}")


@scenario
def years_that_the_log_does_not_write_are_found_from_its_order(lab):
    prepared(lab, sources=[{"file": lab.log.path, "start": "beginning"}])
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=30)
    half = (old - datetime.timedelta(days=180)).strftime("%b %e %H:%M:%S")
    stamp = old.strftime("%b %e %H:%M:%S")  # the same date a year and two years ago
    said = " h sshd[7]: Failed password for root from 203.0.113.5 port 4 ssh2\n"
    lab.log.write((f"{stamp}{said}" * 9 + f"{half} h cron[1]: x\n").encode() * 2)
    lab.log.write((f"{stamp}" + said.replace("113.5", "113.6")).encode() * 6)
    lab.daemon()
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.6", ISP, 6)


@scenario
def an_approved_login_is_reported(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 6, user="alice")
    lab.log.success("203.0.113.5")
    row = wait_incident(lab, "203.0.113.5", "held", "successful-login")
    done = lab.online("approve", str(row["id"]))
    check(done.returncode == 0, f"approve: {done.stdout}{done.stderr}")
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def observe_keeps_back_what_another_mode_had_queued(lab):
    prepared(lab)
    lab.mail.stop()
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    row = wait_incident(lab, "203.0.113.5", "queued")
    lab.configure(mode="observe")
    daemon.reload()
    lab.mail.start()
    lab.no_more_mails(0, 8)
    lab.configure(mode="hold")
    daemon.reload()
    wait_incident(lab, "203.0.113.5", "held", "approval")
    lab.no_more_mails(0, 1)
    done = lab.online("approve", str(row["id"]))
    check(done.returncode == 0, f"approve: {done.stdout}{done.stderr}")
    lab.wait_mails(1)
    lab.no_more_mails(1)


@scenario
def a_queued_report_leaves_after_a_restart_without_a_new_line(lab):
    prepared(lab)
    lab.mail.stop()
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    wait_incident(lab, "203.0.113.5", "queued")
    daemon.stop()
    os.unlink(lab.log.path)
    lab.mail.start()
    lab.daemon()
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def an_ignored_source_is_never_reported(lab):
    prepared(lab, ignore=["203.0.113.0/28"])
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.log.failures("203.0.113.20", 6)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.20", ISP, 6)
    check(not any("203.0.113.5" in path for path in lab.rdap.requests()), "it was asked for")


@scenario
def a_private_source_is_told_to_the_local_contact_alone(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("10.0.0.5", 6)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    mail = lab.mail.mails[0]
    check(len(mail.recipients) == 1 and mail.recipients[0].split("@")[0] == "root",
          f"it went to {mail.recipients}")
    check("10.0.0.5" in mail.text, "the source is not named")
    check(not any("10.0.0.5" in path for path in lab.rdap.requests()), "it was asked for")


@scenario
def this_hosts_own_address_is_told_to_the_local_contact_alone(lab):
    prepared(lab, reportable=["192.0.2.0/24", "203.0.113.0/24"])
    lab.daemon()
    lab.log.failures("192.0.2.1", 6)
    lab.wait_mails(1)
    lab.no_more_mails(1)
    check(lab.mail.mails[0].recipients[0].split("@")[0] == "root",
          f"it went to {lab.mail.mails[0].recipients}")
    check(not any("192.0.2.1" in path for path in lab.rdap.requests()), "it was asked for")


@scenario
def one_desk_gets_no_more_reports_a_day_than_the_limit(lab):
    prepared(lab, limits={"per_contact": "2/1d"})
    lab.daemon()
    for i in range(1, 6):
        lab.log.failures(f"203.0.113.{i}", 6)
    lab.log.failures("198.51.100.7", 6)
    lab.wait_mails(3)
    lab.no_more_mails(3)
    check(len(lab.mail.to(ISP)) == 2 and len(lab.mail.to(CLOUD)) == 1, "wrong recipients")
    wait_incident(lab, None, "waiting", "per-contact-cap")


@scenario
def all_desks_together_get_no_more_reports_a_day_than_the_limit(lab):
    prepared(lab, limits={"total": "2/1d"})
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    lab.log.failures("198.51.100.7", 6, when=long_ago())
    lab.log.failures("203.0.113.9", 6, when=long_ago())
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    lab.no_more_mails(2, 0.2)


@scenario
def a_source_is_not_reported_again_within_its_pause(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    lab.log.failures("203.0.113.5", 8)
    wait_incident(lab, "203.0.113.5", "dropped", "already-reported")
    lab.no_more_mails(1)


@scenario
def an_old_burst_is_not_reported(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 6, when=long_ago(30))
    done = lab.run("--once")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    lab.no_more_mails(0, 0.2)


# --- registries -------------------------------------------------------------------------------

USELESS = {
    "a page for people": {"body": "<html>Too many requests</html>",
                          "headers": {"Content-Type": "text/html"}},
    "half an answer": {"contact": ISP, "cut": 100},
    "50 MiB": {"body_size": 50 << 20},
    "an endless answer": {"contact": ISP, "drip": 0.3},
    "another network": {"contact": CLOUD, "network": "198.51.100.0/24"},
    "404": {"status": 404, "json": {"errorCode": 404}},
    "429": {"status": 429, "headers": {"Retry-After": "3600"}},
    "500": {"status": 500},
    "no answer": {"hangup": True},
    "a redirect to itself": {"redirect": "{base}/rdap/ip/203.0.113.5"},
    "a redirect to a file": {"redirect": "file:///etc/passwd"},
    "a redirect into the private network": {"redirect": "http://10.0.0.1/ip/203.0.113.5"},
    "a real domain in a lab": {"contact": "abuse@desk.home.arpa"},
    "something that is no mailbox": {"contact": "abuse@isp.example>\r\nRCPT TO:<x@y.example"},
}


@scenario
def useless_registry_answers_lead_to_no_mail_and_are_told_apart(lab):
    prepared(lab, rdap={"timeout": "3s"})
    lab.configure(rdap={**lab.rdap.settings(), "timeout": "3s"})
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    said = {}
    for name, answer in USELESS.items():
        lab.rdap.restart({"answers": {"203.0.113.5": answer}})
        for left in glob.glob(lab.path("state.db*")):
            os.unlink(left)
        done = lab.run("--once")
        check(done.returncode in (0, 75), f"{name}: exit {done.returncode}: {done.stdout}")
        check(not lab.mail.mails, f"{name}: a mail was sent: {done.stdout}")
        told = re.findall(r"incident 1 from 203.0.113.5: (.*contact.*)", done.stdout)
        check(told, f"{name}: no reason in: {done.stdout}")
        said[name] = told[0]
    for temporary in ("429", "500", "no answer"):
        check("cannot be looked up" in said[temporary], f"{temporary}: {said[temporary]}")
    check(len(set(said.values())) >= 8, f"the reasons hardly differ: {said}")


@scenario
def a_redirect_to_another_registry_is_followed(lab):
    prepared(lab, {"answers": {
        "203.0.113.0/24": {"redirect": "{base}/other/ip/{address}"},
        "/other/ip/203.0.113.5": {"contact": "abuse@customer.example"}}})
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", "abuse@customer.example", 6)


def certificate(lab, name):
    """A CA of that name and a server certificate for 127.0.0.1: (ca, cert, key)."""
    path = lab.path
    ca, ca_key = path(name + "-ca.pem"), path(name + "-ca.key")
    cert, key, request = path(name + ".pem"), path(name + ".key"), path(name + ".csr")
    extensions = path(name + ".ext")
    with open(extensions, "w", encoding="ascii") as f:
        f.write("subjectAltName=IP:127.0.0.1\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("openssl", "req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-days", "2",
        "-subj", "/CN=test CA " + name)
    run("openssl", "req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=rdap")
    run("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key,
        "-CAcreateserial", "-out", cert, "-days", "2", "-extfile", extensions)
    return ca, cert, key


@scenario
def a_registry_is_asked_by_tls_and_must_prove_itself(lab):
    if not shutil.which("openssl"):
        raise Skip("openssl is missing")
    ca, cert, key = certificate(lab, "right")
    other_ca, _, _ = certificate(lab, "wrong")
    lab.registry(tls=(cert, key))
    lab.mail.start()
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    lab.configure(rdap={**lab.rdap.settings(), "ca_file": other_ca})
    done = lab.run("--once")
    check(done.returncode == 75, f"exit status {done.returncode}: {done.stdout}")
    check(not lab.rdap.requests(), "an unproven server was asked")
    check(not lab.mail.mails, "an unproven server was believed")
    lab.configure(rdap={**lab.rdap.settings(), "ca_file": ca})
    done = lab.run("--once")
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}")
    lab.wait_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


# --- delivery ---------------------------------------------------------------------------------

@scenario
def a_report_leaves_when_the_mail_server_is_back(lab):
    prepared(lab)
    lab.mail.stop()
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    wait_incident(lab, "203.0.113.5", "queued")
    time.sleep(1)
    check(daemon.process.poll() is None, "the daemon has ended")
    lab.mail.start()
    lab.wait_mails(1, 150)
    lab.no_more_mails(1)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def a_temporary_refusal_is_tried_again_with_the_same_mail(lab):
    prepared(lab)
    lab.mail.rcpt_replies = ["451 4.7.1 Greylisted"]
    lab.mail.data_replies = ["452 4.3.1 Insufficient system storage"]
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    for expected in (75, 75, 0, 0):
        done = lab.run("--once")
        check(done.returncode == expected, f"exit status {done.returncode}: {done.stdout}")
    lab.no_more_mails(1, 0.2)
    the_report(lab, "203.0.113.5", ISP, 6)


@scenario
def a_dead_recipient_is_not_tried_again(lab):
    prepared(lab)
    lab.mail.rcpt_replies = ["550 5.1.1 No such user"]
    lab.log.failures("203.0.113.5", 6, when=long_ago())
    lab.run("--once")
    check(not lab.mail.rcpt_replies, "it was not tried at all")
    lab.run("--once")
    lab.no_more_mails(0, 0.2)


@scenario
def it_stops_in_time_while_the_mail_server_thinks(lab):
    prepared(lab)
    lab.mail.data_delay = 40
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    code, seconds = daemon.stop()
    check(code == 0, f"exit status {code}")
    check(seconds < 20 * lab.patience, f"it took {seconds:.1f} s")


@scenario
def an_unknown_outcome_is_answered_by_the_mail_servers_log(lab):
    prepared(lab)
    lab.mail.data_delay = 4
    with open(lab.path("mail.log"), "wb") as f:
        f.write(b"2020-01-01T00:00:00.000000+00:00 host postfix/master[1]: daemon started\n")
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    daemon.kill()
    message_id = str(lab.mail.mails[0].message["Message-ID"])
    with open(lab.path("mail.log"), "ab") as f:
        stamp = lab.log.line("").split(b" ")[0]
        for text in (f"cleanup[77]: 4ZbQ1x2: message-id={message_id}",
                     "qmgr[78]: 4ZbQ1x2: from=<x@reporter.example>, size=2000, nrcpt=1 "
                     "(queue active)"):
            f.write(stamp + b" host postfix/" + text.encode() + b"\n")
    lab.mail.data_delay = 0
    lab.daemon()
    wait_incident(lab, "203.0.113.5", "sent")
    lab.no_more_mails(1)


@scenario
def an_unknown_outcome_without_a_log_is_for_the_operator(lab):
    prepared(lab)
    lab.mail.data_delay = 4
    daemon = lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    daemon.kill()
    lab.mail.data_delay = 0
    lab.daemon()
    wait_incident(lab, "203.0.113.5", "held", "delivery-unknown")
    lab.no_more_mails(1)


@scenario
def a_full_disk_pauses_the_reading_and_loses_nothing(lab):
    small = lab.path("small")
    os.mkdir(small)
    if os.geteuid() != 0 or run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small,
                                check=False).returncode:
        raise Skip("a small file system cannot be mounted here")
    try:
        prepared(lab, state=os.path.join(small, "state.db"), detect={"settle": "30s"})
        daemon = lab.daemon()
        lab.log.failures("203.0.113.5", 3)
        time.sleep(1.5 * lab.patience)
        filler = os.path.join(small, "filler")
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 512)
            except OSError:
                pass
        # The write-ahead log has room of its own: so many networks that it is not enough.
        networks = iter(range(1, 65536))
        while not re.search(r"no room", daemon.text()):
            check(next(networks) < 60000, "the full disk was never told")
            for _ in range(200):
                lab.log.failures(f"2001:db8:{next(networks):x}::1", 3)
            time.sleep(0.2)
        check(daemon.process.poll() is None, "the daemon has ended")
        os.unlink(filler)
        lab.log.failures("203.0.113.5", 4)
        wait_until("the report", lambda: lab.mail.about("203.0.113.5"), 120 * lab.patience)
        the_report(lab, "203.0.113.5", ISP, 7)
        daemon.stop()
    finally:
        for daemon in lab.daemons:
            daemon.close()
        run("umount", small, check=False)


# --- the tool ---------------------------------------------------------------------------------

@scenario
def the_tool_shows_state_and_mail_and_reloads(lab):
    prepared(lab)
    lab.daemon()
    lab.log.failures("203.0.113.5", 6)
    lab.wait_mails(1)
    number = str(wait_incident(lab, "203.0.113.5", "sent")["id"])
    done = lab.online("status")
    check(done.returncode == 0 and "LAB" in done.stdout, f"{done.stdout}{done.stderr}")
    done = lab.online("show", number)
    check(done.returncode == 0 and ISP in done.stdout, f"{done.stdout}{done.stderr}")
    check("Number of events:" in done.stdout, "the mail is not shown")
    check(lab.online("show", "999").returncode != 0, "an unknown incident was shown")
    done = lab.online("reload")
    check(done.returncode == 0, f"reload: {done.stdout}{done.stderr}")


@scenario
def scan_counts_what_the_daemon_reports(lab):
    prepared(lab)
    lab.log.failures("203.0.113.5", 12, when=long_ago(), spread=30)
    lab.log.failures("198.51.100.7", 4, when=long_ago())
    lab.log.success("198.51.100.7", when=long_ago(1))
    done = lab.ctl("scan", "--json", "-c", lab.config_path, lab.log.path)
    check(done.returncode == 0, f"scan: {done.stdout}{done.stderr}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    attempts = [row for row in rows if row["event"] == "attempt"]
    bursts = [row for row in rows if row["event"] == "incident"]
    check(len(attempts) == 17, f"{len(attempts)} attempts")
    check(sum(row["count"] for row in attempts if row["outcome"] == "failure") == 16,
          "not 16 failures")
    expected = {"event": "summary", "lines": 17, "attempts": 16, "incidents": len(bursts)}
    check(rows[-1] == expected, f"summary {rows[-1]}")


# --- running them -----------------------------------------------------------------------------

def run_scenario(function, build, wrapper, patience):
    begin = time.monotonic()
    try:
        with Lab(build, wrapper, patience) as lab:
            function(lab)
        outcome, text = "passed", ""
    except Skip as e:
        outcome, text = "skipped", str(e)
    except (Failed, subprocess.TimeoutExpired) as e:
        outcome, text = "failed", str(e)
    except Exception:  # a fault of the test must not hide the other results
        outcome, text = "failed", traceback.format_exc()
    return outcome, text, time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("scenario", nargs="*")
    args = parser.parse_args()
    chosen = [f for f in SCENARIOS if not args.scenario or
              any(word in f.__name__ for word in args.scenario)]
    if args.list:
        print("\n".join(f.__name__ for f in chosen))
        return 0
    wrapper = shlex.split(os.environ.get("ABUSE_TEST_WRAPPER", ""))
    patience = float(os.environ.get("ABUSE_TEST_PATIENCE", "1"))
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        running = {pool.submit(run_scenario, f, args.build, wrapper, patience): f
                   for f in chosen}
        for future in concurrent.futures.as_completed(running):
            outcome, text, seconds = future.result()
            totals[outcome] += 1
            name = running[future].__name__.replace("_", " ")
            print(f"{outcome}: {name} ({seconds:.1f} s)" + (f": {text}" if text else ""),
                  flush=True)
    print(f"{totals['passed']} passed, {totals['failed']} failed, "
          f"{totals['skipped']} skipped")
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
