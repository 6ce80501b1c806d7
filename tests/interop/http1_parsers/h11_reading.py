"""What h11 makes of generated messages, beside what weft made of them (tests/differential/reading.h says the form)."""

import collections
import re
import struct
import subprocess

import h11

AT_REST, IN_HEAD, IN_BODY, REFUSED = range(4)
ASKED = h11.Request(method="GET", target="/", headers=[("Host", "cart")])
# What h11 quotes of the message in its reasons.
QUOTED = re.compile(r"(:? \(?(bytearray\(|b['\"])|: h11).*", re.DOTALL)
# The buffer's limit is h11's own protection; weft has others.
BUFFER_MAX = 1 << 20


class Reader:
    """Takes numbers and texts off encoded bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value, = struct.unpack_from("<I", self.data, self.at)
        self.at += 4
        return value

    def text(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size:self.at]


def decode(data):
    """(message bytes, (whole messages, end, why)) as encode() of reading.cc wrote them."""
    reader = Reader(data)
    text, end, why, messages = reader.text(), reader.number(), reader.text().decode(), []
    for _ in range(reader.number()):
        method, target, version = reader.text(), reader.text(), reader.text()
        fields = [(reader.text(), reader.text()) for _ in range(reader.number())]
        body, flags = reader.text(), reader.number()
        messages.append((method, target, version, fields, bool(flags & 2), body, bool(flags & 1),
                         bool(flags & 4)))
    return text, (messages, end, why)


def why_of(error):
    return QUOTED.sub("", str(error))


def to_the_end(head):
    """Whether only the end of the connection ends this answer."""
    names = {name for name, _ in head.headers}
    return head.status_code not in (204, 304) and not names & {b"content-length", b"transfer-encoding"}


def read_one(requests, data, messages):
    """Reads one message off `data`: (what is left, None), or (None, how it ended)."""
    if requests:
        connection = h11.Connection(h11.SERVER, BUFFER_MAX)
    else:
        connection = h11.Connection(h11.CLIENT, BUFFER_MAX)
        connection.send(ASKED)
        connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head, body = None, []
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return None, (REFUSED, why_of(error))
        kind = type(event)
        if kind is h11.InformationalResponse:
            messages.append((str(event.status_code).encode(), b"", bytes(event.http_version), list(event.headers), False,
                             b"", True))
        elif kind is h11.Request or kind is h11.Response:
            head = event
        elif kind is h11.Data:
            body.append(bytes(event.data))
        elif kind is h11.EndOfMessage:
            break
        elif head is not None and not requests and to_the_end(head):
            break
        else:
            return None, (IN_HEAD if head is None else IN_BODY, "")
    tunnel = connection.their_state is h11.MIGHT_SWITCH_PROTOCOL
    persists = tunnel or connection.their_state is h11.DONE
    start = (bytes(head.method), bytes(head.target)) if requests else (str(head.status_code).encode(), b"")
    messages.append((*start, bytes(head.http_version), [(bytes(n), bytes(v)) for n, v in head.headers], tunnel,
                     b"".join(body), persists))
    if tunnel or not persists:
        return None, (AT_REST, "")
    return connection.trailing_data[0], None


def read_by_h11(requests, data):
    messages = []
    while data:
        data, end = read_one(requests, data, messages)
        if end is not None:
            return messages, *end
    return messages, AT_REST, ""


# RFC 9110 section 6.4.1: such an answer has none, whatever its fields say.
BODY_WHERE_NONE = "the other reads a body where none may be"
WHAT = ("another method or status", "another target", "another version", "other fields")


def may_have_no_body(message):
    return not message[1] and (message[0] < b"200" or message[0] in (b"204", b"304"))


def unlike(ours, theirs):
    for index, what in enumerate(WHAT):
        if ours[index] != theirs[index]:
            return what
    if ours[4] != theirs[4]:
        return "only weft switches" if ours[4] else "only the other switches"
    if ours[5] != theirs[5]:
        return BODY_WHERE_NONE if may_have_no_body(ours) else "another body"
    if ours[6] != theirs[6]:
        return "only the other closes" if ours[6] else "only weft closes"
    return None


def difference(weft, other):
    """The same as difference() of reading.cc."""
    (ours, our_end, our_why), (theirs, their_end, their_why) = weft, other
    for ours_now, theirs_now in zip(ours, theirs):
        if ours_now[:7] != theirs_now and (what := unlike(ours_now, theirs_now)):
            return what
        if not ours_now[6] or ours_now[4]:
            return None
    more, others = len(ours) > len(theirs), len(theirs) > len(ours)
    if more and may_have_no_body(ours[len(theirs)]):
        return BODY_WHERE_NONE
    we_refuse, they_refuse = not more and our_end == REFUSED, not others and their_end == REFUSED
    if we_refuse and they_refuse:
        return None
    if we_refuse:
        if not others and their_end == IN_HEAD:
            return "weft refuses a head before its end"
        return "only weft refuses: " + our_why
    if they_refuse:
        if not more and our_end == IN_HEAD:
            return "h11 refuses a head before its end"
        if not more and our_end == IN_BODY:
            return "h11 refuses a body before its end"
        if more and ours[len(theirs)][7]:
            return "h11 reads a field of the framing in trailers"
        return "only h11 refuses: " + their_why
    if more:
        return "h11 waits for more of a message"
    if others:
        return "weft waits for more of a message"
    return None


def compare(program, kind, seed, count):
    """Class of difference -> [how often, shortest example] over the messages of these seeds."""
    found = collections.defaultdict(lambda: [0, b""])
    seen = 0
    with subprocess.Popen([program, "emit", kind, str(seed), str(count)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        while size := process.stdout.read(4):
            text, weft = decode(process.stdout.read(struct.unpack("<I", size)[0]))
            seen += 1
            if what := difference(weft, read_by_h11(kind == "requests", text)):
                entry = found[what]
                entry[0] += 1
                if not entry[1] or len(text) < len(entry[1]):
                    entry[1] = text
    if seen != count or process.returncode != 0:
        raise RuntimeError(f"{program} gave {seen} messages of {count} and ended with {process.returncode}")
    return {name: tuple(entry) for name, entry in found.items()}
