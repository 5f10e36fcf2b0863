"""A mail server that does what it is told at each stage of the dialogue, and keeps what it
accepted.

A script maps a stage to what happens there:
  stages   greeting, hello, mail, rcpt, data, body (after 354, before the body is read),
           final, quit; "ehlo" for EHLO alone
  actions  "250 text"   this reply (several lines: "250-a\\r\\n250 b")
           "close"      the connection is closed
           "stall"      nothing, until the client goes away
           "wait S ..." S seconds, then the rest
A stage that the script does not name is answered as a plain server does.

By itself:  smtpd.py --port 0 --ready-file FILE --out DIR [--script JSON]
"""
import argparse
import json
import os
import socket
import threading
import time

USUAL = {
    "greeting": "220 mail.example ESMTP",
    "hello": "250-mail.example\r\n250-SIZE 1000000\r\n250 8BITMIME",
    "mail": "250 2.1.0 Ok",
    "rcpt": "250 2.1.5 Ok",
    "data": "354 End data with <CR><LF>.<CR><LF>",
    "final": "250 2.0.0 Ok: queued as 4ZbQ1x2",
    "quit": "221 2.0.0 Bye",
}


class Closed(Exception):
    """The end of a connection, by either side."""


class Connection:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.buffer = b""
        self.commands = []
        self.sender, self.recipients = None, []

    def read_until(self, end):
        while end not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise Closed
            self.buffer += data
        taken, self.buffer = self.buffer.split(end, 1)
        return taken

    def act(self, stage):
        """Plays the stage; whether it was answered with success."""
        action = self.server.script.get(stage, USUAL.get(stage, ""))
        while action.startswith("wait "):
            _, seconds, action = action.split(" ", 2)
            time.sleep(float(seconds))
        if action == "close":
            raise Closed
        if action == "stall":
            self.server.stalled.set()
            while self.sock.recv(65536):
                pass
            raise Closed
        if action:
            self.sock.sendall(action.encode() + b"\r\n")
        return action[:1] in "23"

    def message(self):
        self.act("body")
        # A message without a byte would be ".\r\n" alone; no client of ours sends that.
        raw = self.read_until(b"\r\n.\r\n") + b"\r\n"
        body = b"\r\n".join(line[1:] if line.startswith(b".") else line
                            for line in raw.split(b"\r\n"))
        if self.act("final"):
            self.server.keep(self.sender, self.recipients, body)

    def command(self, line):
        verb = line.split(b" ")[0].split(b":")[0].upper().decode("ascii", "replace")
        self.commands.append(line.decode("latin-1"))
        if verb in ("EHLO", "HELO"):
            stage = "ehlo" if verb == "EHLO" and "ehlo" in self.server.script else "hello"
            self.act(stage)
        elif verb == "MAIL":
            self.sender = line[10:].split(b">")[0].lstrip(b"<").decode("latin-1")
            self.act("mail")
        elif verb == "RCPT":
            if self.act("rcpt"):
                self.recipients.append(line[8:].split(b">")[0].lstrip(b"<").decode("latin-1"))
        elif verb == "DATA":
            if self.act("data"):
                self.message()
        elif verb == "QUIT":
            self.act("quit")
            raise Closed
        else:
            self.sock.sendall(b"502 5.5.2 what?\r\n")

    def run(self):
        try:
            self.act("greeting")
            while True:
                self.command(self.read_until(b"\r\n"))
        except (Closed, OSError):
            pass
        self.sock.close()
        self.server.dialogues.append(self.commands)


class Smtpd:
    """messages: (sender, recipients, bytes); dialogues: the commands of each connection."""

    def __init__(self, script=None, port=0, out=None):
        self.script, self.out = script or {}, out
        self.messages, self.dialogues = [], []
        self.stalled = threading.Event()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=Connection(self, sock).run, daemon=True).start()

    def keep(self, sender, recipients, body):
        with self.lock:
            self.messages.append((sender, recipients, body))
            if self.out:
                path = os.path.join(self.out, f"{len(self.messages):06d}")
                with open(path + ".tmp", "wb") as f:
                    f.write(f"MAIL FROM:<{sender}>\n".encode())
                    f.writelines(f"RCPT TO:<{r}>\n".encode() for r in recipients)
                    f.write(b"\n" + body)
                os.rename(path + ".tmp", path + ".mail")

    def close(self):
        # The thread in accept() keeps the port open until it is woken.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--script", default="{}", help="JSON, or @FILE")
    args = parser.parse_args()
    text = args.script
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as f:
            text = f.read()
    server = Smtpd(json.loads(text), args.port, args.out)
    with open(args.ready_file + ".tmp", "w", encoding="ascii") as f:
        f.write(f"{server.port}\n")
    os.rename(args.ready_file + ".tmp", args.ready_file)
    threading.Event().wait()


if __name__ == "__main__":
    main()
