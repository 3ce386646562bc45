"""Changes of inputs that keep most of their form: values of lines, words, bytes."""

import random

from guard import MARK

CODE = f"__import__('os').system('{MARK}')"
VALUES = (
    "nan", "inf", "-inf", "-1", "0", "1", "0.5", "1e308", "1e-308", "-1e999", "9223372036854775808", "9" * 30,
    "9" * 5000, "true", "[]", "{}", "''", '""', '"x"', "[[1]]", "[1, 'a']", "{a = 1}", "1979-05-27", "07:32:00",
    "1979-05-27T07:32:00Z",
    '"nan"', '"../x"', '"a/b"', f'"{CODE}"', "[nan, inf]", "[true]", "null", "1j", "0x10", "1_000", '"\u00e9\u0130"',
    '"\\u0000"', "[" * 200 + "]" * 200,
)  # fmt: skip
"""What a value of a file can be replaced by."""
PIECES = (
    b"nan", b"inf", b"-", b"1e400", b"0", b"9" * 20, b"[]", b"{}", b"''", b'"', b"\\", b"\x00", b"\xff", b"\n", b"\r\n",
    b"[[", b"]]", b"**", CODE.encode(), b"lambda: 0", b"x.y", b"x[0]", b"=", b",", b";", b"\t", b" ", b"(" * 120,
    "\u00e9".encode(), b"\xef\xbb\xbf", b"\xff\xfe", b"1" * 400, b".", b"e", b"i", b"x", b"#", b"|",
)  # fmt: skip
"""What can stand anywhere in a file."""


def of_bytes(data, rng):
    """Bytes exchanged, left out, repeated, or taken from elsewhere in the input."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        i = rng.randint(0, len(data))
        j, k = i + rng.randint(0, 12), rng.randint(0, len(data))
        data[i:j] = rng.choice((rng.choice(PIECES), b"", rng.randbytes(1), data[i:j] * 3, data[k : k + 12]))
    return bytes(data)


def of_lines(data, rng):
    """Lines ``key = value`` (TOML) or ``"key": value`` (JSON) with another value, lines left out or doubled."""
    lines = data.split(b"\n")
    i = rng.randrange(len(lines))
    sign = b"=" if b"=" in lines[i] else b":"
    key, found, value = lines[i].partition(sign)
    change = rng.randrange(8)
    if found and change < 5:
        comma = b"," * (sign == b":" and value.rstrip().endswith(b","))
        lines[i] = key + found + b" " + rng.choice(VALUES).encode() + comma
    elif change == 5:
        del lines[i]
    elif change == 6:
        lines.insert(rng.randrange(len(lines)), lines[i])
    elif found:
        lines[i] = key + found + rng.choice(lines).partition(sign)[2]
    return b"\n".join(lines)


def mutator(*kinds):
    """A function (data, most, seed) -> data that applies one of these changes, for a fuzzer."""

    def change(data, most, seed):
        rng = random.Random(seed)
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(kinds)(data, rng)
        return data[:most]

    return change
