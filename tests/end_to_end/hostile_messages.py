"""hostile_messages.py - octets made to hurt, for both doors, and what each must be answered."""
import msgpack

# Bodies of a generate request, beside those of tests/gateway/http_rules.py, and the code of each.
PROMPT, CONTEXT = b"\xa6prompt", b"\x82\xa6prompt\xa1x\xa7context\x81\xa1k"
BODIES = [
    ("a map of four billion", b"\xdf\xff\xff\xff\xff", "broken_msgpack"),
    ("a text of four billion", b"\x81" + PROMPT + b"\xdb\xff\xff\xff\xff", "broken_msgpack"),
    ("octets of four billion", b"\x81" + PROMPT + b"\xc6\xff\xff\xff\xff", "broken_msgpack"),
    ("an extension of four billion", b"\x81" + PROMPT + b"\xc9\xff\xff\xff\xff\x01", "broken_msgpack"),
    ("arrays 100,000 deep", b"\x91" * 100000 + b"\xc0", "broken_msgpack"),
    ("maps 100,000 deep", b"\x81\xa1k" * 100000 + b"\xc0", "broken_msgpack"),
    ("a context 100,000 deep", CONTEXT + b"\x91" * 100000 + b"\xc0", "broken_msgpack"),
    ("a context 20 deep", CONTEXT + b"\x91" * 20 + b"\xc0", "malformed"),
    ("two messages", (b"\x81" + PROMPT + b"\xa1x") * 2, "broken_msgpack"),
    ("the reserved type", b"\x81" + PROMPT + b"\xc1", "broken_msgpack"),
    ("a key twice", b"\x82" + PROMPT + b"\xa1x" + PROMPT + b"\xa1y", "malformed"),
    ("a key twice in the context", CONTEXT[:-3] + b"\x82\xa1k\x01\xa1k\x02", "malformed"),
    ("a key that is a number", b"\x81\x01\xa1x", "malformed"),
    ("a key that is an array", b"\x81\x90\xa1x", "malformed"),
    ("a number in the context's keys", CONTEXT[:-2] + b"\x01\xa1x", "malformed"),
    ("no UTF-8", b"\x81" + PROMPT + b"\xa2\xff\xfe", "malformed"),
    ("half a character in UTF-8", b"\x81" + PROMPT + b"\xa3\xed\xa0\x80", "malformed"),
    ("UTF-8 longer than it need be", b"\x81" + PROMPT + b"\xa2\xc0\xaf", "malformed"),
    ("no UTF-8 in the context", CONTEXT + b"\xa1\xff", "malformed"),
    ("a number", b"\x81" + PROMPT + b"\x07", "malformed"),
    ("nil", b"\x81" + PROMPT + b"\xc0", "malformed"),
    ("octets", b"\x81" + PROMPT + b"\xc4\x01x", "malformed"),
    ("not a number", b"\x81" + PROMPT + b"\xcb\x7f\xf8" + bytes(6), "malformed"),
    ("an extension", b"\x81" + PROMPT + b"\xd4\x01x", "malformed"),
    ("an extension in the context", CONTEXT + b"\xd6\xff" + bytes(4), "malformed"),
    ("an extension as the body", b"\xd4\x01x", "malformed"),
    ("nothing", b"", "malformed"),
]

REQUEST = [b"MDPC02", b"\x01"]
STORE = REQUEST + [b"store"]
LIST = msgpack.packb([0, 7, "store.list", [{}]])
LIST_OF = b"\x94\x00\x07\xaastore.list"


def rpc(*message):
    return STORE + [msgpack.packb(message)]


def header(**fields):
    return STORE + [msgpack.packb(fields), LIST]


# Frames a client sends, and the name of the error it hears; None: it hears nothing.
FRAMES = [
    ("nothing", [b""], None),
    ("no command", [b"MDPC02"], None),
    ("another protocol", [b"MDPC03", b"\x01", b"store", LIST], None),
    ("an answer", [b"MDPC02", b"\x03", b"store", LIST], None),
    ("no body", STORE, "malformed"),
    ("an empty body", STORE + [b""], "broken_msgpack"),
    ("an array of four billion", STORE + [b"\xdd\xff\xff\xff\xff"], "broken_msgpack"),
    ("parameters of four billion", STORE + [LIST_OF + b"\xdd\xff\xff\xff\xff"], "broken_msgpack"),
    ("a body 100,000 deep", STORE + [b"\x91" * 100000 + b"\xc0"], "broken_msgpack"),
    ("parameters 100,000 deep", STORE + [LIST_OF + b"\x91" * 100000 + b"\xc0"], "broken_msgpack"),
    ("octets behind", STORE + [LIST + b"\x00"], "broken_msgpack"),
    ("a message of type 1", rpc(1, 7, None, {}), "broken_msgpack"),
    ("a message of type 2", rpc(2, "progress", [7, {}]), "broken_msgpack"),
    ("a message of type 3", rpc(3, 7, "store.list", [{}]), "broken_msgpack"),
    ("a number that is none", rpc(0, "7", "store.list", [{}]), "broken_msgpack"),
    ("a number below 0", rpc(0, -7, "store.list", [{}]), "broken_msgpack"),
    ("a number of 64 bits", rpc(0, 1 << 40, "store.list", [{}]), "broken_msgpack"),
    ("a method that is a number", rpc(0, 7, 7, [{}]), "broken_msgpack"),
    ("parameters that are a map", rpc(0, 7, "store.list", {}), "broken_msgpack"),
    ("two parameters", rpc(0, 7, "store.list", [{}, {}]), "broken_msgpack"),
    ("a parameter that is a text", rpc(0, 7, "store.list", ["x"]), "broken_msgpack"),
    ("a method of a megabyte", rpc(0, 7, "x" * 1000000, [{}]), "no_such_method"),
    ("a method with a line of the log", rpc(0, 7, "x\nlevel=error", [{}]), "no_such_method"),
    ("a method of another", rpc(0, 7, "apps.generate", [{"prompt": "x"}]), "no_such_method"),
    ("a field twice", STORE + [LIST_OF + b"\x91\x82\xa5limit\x01\xa5limit\x02"], "malformed"),
    ("no UTF-8", STORE + [LIST_OF + b"\x91\x81\xa6cursor\xa2\xff\xfe"], "malformed"),
    ("wrong types", rpc(0, 7, "store.begin", [{"operationId": 7, "kind": []}]), "malformed"),
    ("a header that is none", STORE + [b"\x90", LIST], "broken_msgpack"),
    ("an empty header", STORE + [b"", LIST], "broken_msgpack"),
    ("a header of four billion", STORE + [b"\xdf\xff\xff\xff\xff", LIST], "broken_msgpack"),
    ("a header 4,000 deep", STORE + [b"\x81\xa1x" + b"\x91" * 4000 + b"\xc0", LIST], "broken_msgpack"),
    ("a header of two megabytes", header(x="y" * 2000000), "broken_msgpack"),
    ("a header of wrong types", header(timeLeftMs="soon", requestId=7), "malformed"),
    ("a time below 0", header(timeLeftMs=-1), "malformed"),
    ("a time without end", header(timeLeftMs=1 << 63), "malformed"),
    ("two times", STORE + [b"\x82\xaatimeLeftMs\x01\xaatimeLeftMs\x02", LIST], "malformed"),
    ("a request id with a line of the log", header(requestId="x\nlevel=error"), "malformed"),
    ("a principal that is a text", header(principal="root"), "malformed"),
    ("a hundred frames", STORE + [b"\x80"] * 100, "too_large"),
    ("a name of 5,000", REQUEST + [b"s" * 5000, LIST], "malformed"),
    ("a name of two lines", REQUEST + [b"a\nb", LIST], "malformed"),
    ("a name nobody serves", REQUEST + [b"nobody", msgpack.packb({"timeLeftMs": 300}), LIST], "unavailable"),
    ("two frames of 9 MB", STORE + [bytes(9 << 20)] * 2, "too_large"),
]
# Over the size of any frame: the connection is cut, and nobody else notices.
CUT = [("a body of 17 MB", STORE + [bytes(17 << 20)]),
       ("a header of 17 MB", STORE + [bytes(17 << 20), LIST])]
