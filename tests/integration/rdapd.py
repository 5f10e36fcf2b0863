#!/usr/bin/python3
"""A registry for tests: an RDAP server on loopback that does what a script says.

    rdapd.py --port 0 --ready-file F [--script S.json] [--log F] [--tls CERT KEY]

Once it listens, the port is written to --ready-file (and to standard output). It serves

    /ipv4.json, /ipv6.json      bootstrap files (RFC 9224) that name this server
    /rdap/ip/ADDRESS            answers

and logs each request to --log, one JSON object a line: {"time", "path", "host", "agent",
"accept", "status"}. It ends after --lifetime seconds (default 600), so that no test leaves
it behind.

Without a script the documentation networks have one provider each:

    192.0.2.0/24     abuse@campus.example      203.0.113.0/24   abuse@isp.example
    198.51.100.0/24  abuse@cloud.example       2001:db8::/32    abuse@six.example

A script adds to that, or replaces it ("defaults": false):

    {"defaults": true,
     "bootstrap": {"ipv4": SERVICES, "ipv6": SERVICES},    as in the IANA files
     "answers": {KEY: ANSWER or [ANSWER, ...], ...}}

KEY is a path ("/ipv4.json", also with "?query"), an address, or a network; the path wins,
then the address, then the longest network. Of a list each request takes the next, the last
one for ever. ANSWER is an object with any of

    contact    mailbox of an entity with the role abuse      (makes an RDAP answer)
    contacts   list of such                                  (makes an RDAP answer)
    network    its range as a CIDR; default: the key, or the /24 or /64 around the address
    name, remarks   of that network
    json       this object as the body instead
    body       this text as the body instead
    body_size  so many blanks as the body, sent in chunks without a length
    cut        only the first so many bytes of the body, with the right Content-Length
    status     default 200
    headers    {name: value}; replaces Content-Type application/rdap+json
    redirect   Location, with status 301 unless given
    delay      seconds before the answer
    drip       seconds between single bytes of the body
    hangup     true: the connection is closed without an answer

In every string of an answer {base} stands for http(s)://HOST:PORT, {port} for the port,
{address} for the queried address and {date+N} or {date-N} for an HTTP date N seconds away.
"""

import argparse
import email.utils
import ipaddress
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

DEFAULTS = {
    "192.0.2.0/24": {"contact": "abuse@campus.example", "name": "CAMPUS"},
    "198.51.100.0/24": {"contact": "abuse@cloud.example", "name": "CLOUD"},
    "203.0.113.0/24": {"contact": "abuse@isp.example", "name": "ISP"},
    "2001:db8::/32": {"contact": "abuse@six.example", "name": "SIX"},
}
BOOTSTRAP = {
    "ipv4": [[["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"], ["{base}/rdap/"]]],
    "ipv6": [[["2001:db8::/32"], ["{base}/rdap/"]]],
}
CHUNK = b" " * 65536


def abuse_entity(number, mailbox):
    card = [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", "Abuse desk"],
        ["kind", {}, "text", "group"],
        ["email", {"type": "abuse"}, "text", mailbox],
    ]
    return {
        "objectClassName": "entity",
        "handle": "ABUSE%d-TEST" % number,
        "roles": ["abuse"],
        "vcardArray": ["vcard", card],
    }


def ip_network(answer, network):
    mailboxes = answer.get("contacts", [answer["contact"]] if "contact" in answer else [])
    made = {
        "rdapConformance": ["rdap_level_0"],
        "objectClassName": "ip network",
        "handle": "%s - %s" % (network[0], network[-1]),
        "startAddress": str(network[0]),
        "endAddress": str(network[-1]),
        "ipVersion": "v%d" % network.version,
        "name": answer.get("name", "TEST"),
        "entities": [abuse_entity(i, m) for i, m in enumerate(mailboxes)],
    }
    if "remarks" in answer:
        made["remarks"] = [{"title": "remarks", "description": answer["remarks"]}]
    return made


class Registry:
    """What is answered to a path."""

    def __init__(self, script, base, port):
        self.base, self.port = base, port
        self.bootstrap = {**BOOTSTRAP, **script.get("bootstrap", {})}
        answers = dict(DEFAULTS) if script.get("defaults", True) else {}
        answers.update(script.get("answers", {}))
        self.exact, self.networks, self.taken = {}, [], {}
        for key, answer in answers.items():
            if key.startswith("/"):
                self.exact[key] = (key, answer)
                continue
            network = ipaddress.ip_network(key)
            self.networks.append((network, key, answer))
        self.networks.sort(key=lambda row: -row[0].prefixlen)
        self.lock = threading.Lock()

    def next_of(self, key, answer):
        if not isinstance(answer, list):
            return answer
        with self.lock:
            i = self.taken.get(key, 0)
            self.taken[key] = i + 1
        return answer[min(i, len(answer) - 1)]

    def find(self, path):
        """(answer, address or None, network or None)"""
        address = self.address_of(path)
        if path in self.exact:
            return self.next_of(*self.exact[path]), address, None
        match = re.fullmatch(r"/(ipv[46])\.json", path)
        if match:
            table = {
                "version": "1.0",
                "publication": "2026-11-01T00:00:00Z",
                "services": self.bootstrap[match.group(1)],
            }
            return {"json": table}, None, None
        if address:
            for network, key, answer in self.networks:
                if address in network:
                    return self.next_of(key, answer), address, network
        return {"status": 404, "json": {"errorCode": 404, "title": "Not Found"}}, address, None

    @staticmethod
    def address_of(path):
        match = re.search(r"/ip/([^/?]+)", path)
        try:
            return ipaddress.ip_address(unquote(match.group(1))) if match else None
        except ValueError:
            return None

    def fill_in(self, value, address):
        """The placeholders in all strings of a JSON value."""
        if isinstance(value, list):
            return [self.fill_in(v, address) for v in value]
        if isinstance(value, dict):
            return {k: self.fill_in(v, address) for k, v in value.items()}
        if not isinstance(value, str):
            return value
        value = value.replace("{base}", self.base).replace("{port}", str(self.port))
        value = value.replace("{address}", str(address))
        return re.sub(
            r"\{date([+-]\d+)\}",
            lambda m: email.utils.formatdate(time.time() + int(m.group(1)), usegmt=True),
            value,
        )

    def body_of(self, answer, address, network):
        if "body" in answer:
            body = answer["body"].encode("utf-8", "surrogateescape")
        elif "json" in answer:
            body = json.dumps(answer["json"]).encode()
        elif address and ("contact" in answer or "contacts" in answer or "network" in answer):
            if "network" in answer:
                network = ipaddress.ip_network(answer["network"])
            elif network is None or network.num_addresses == 1:
                length = 24 if address.version == 4 else 64
                network = ipaddress.ip_network("%s/%d" % (address, length), strict=False)
            body = json.dumps(ip_network(answer, network)).encode()
        else:
            body = b""
        return body[: answer.get("cut", len(body))]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "rdapd-for-tests"

    def log_message(self, *args):
        pass

    def note(self, status):
        if not self.server.log:
            return
        line = {
            "time": time.time(),
            "path": self.path,
            "host": self.headers.get("Host"),
            "agent": self.headers.get("User-Agent"),
            "accept": self.headers.get("Accept"),
            "status": status,
        }
        with self.server.log_lock:
            self.server.log.write(json.dumps(line) + "\n")
            self.server.log.flush()

    def do_GET(self):
        registry = self.server.registry
        answer, address, network = registry.find(self.path)
        answer = registry.fill_in(answer, address)
        status = answer.get("status", 301 if "redirect" in answer else 200)
        self.note(status)
        time.sleep(answer.get("delay", 0))
        if answer.get("hangup"):
            self.close_connection = True
            return
        try:
            self.send(status, answer, registry.body_of(answer, address, network))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True  # the client had enough

    def send(self, status, answer, body):
        headers = {"Content-Type": "application/rdap+json", **answer.get("headers", {})}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "redirect" in answer:
            self.send_header("Location", answer["redirect"])
        if "body_size" in answer:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.send_chunks(answer["body_size"])
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if "drip" not in answer:
            self.wfile.write(body)
            return
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            time.sleep(answer["drip"])

    def send_chunks(self, size):
        while size > 0:
            n = min(size, len(CHUNK))
            self.wfile.write(b"%x\r\n" % n + CHUNK[:n] + b"\r\n")
            size -= n
        self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that went away, or did not like our certificate

    def finish_request(self, request, client_address):
        # In the connection's own thread: a handshake must not hold up the others.
        if self.tls:
            request.settimeout(30)
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)


def write_ready(path, port):
    with open(path + ".new", "w") as f:
        f.write("%d\n" % port)
    os.rename(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--ready-file", help="gets the port when requests are served")
    parser.add_argument("--script", help="JSON file, see the top of this program")
    parser.add_argument("--log", help="file for one JSON object per request")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="speak https")
    parser.add_argument("--lifetime", type=float, default=600, help="seconds; then it ends")
    args = parser.parse_args()

    script = {}
    if args.script:
        with open(args.script) as f:
            script = json.load(f)
    server = Server((args.host, args.port), Handler)
    port = server.server_address[1]
    server.tls = None
    if args.tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*args.tls)
    base = "%s://%s:%d" % ("https" if args.tls else "http", args.host, port)
    server.registry = Registry(script, base, port)
    server.log = open(args.log, "a") if args.log else None
    server.log_lock = threading.Lock()

    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(signo, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, max(args.lifetime, 0.1))
    print(port, flush=True)
    if args.ready_file:
        write_ready(args.ready_file, port)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
